"""Pruning inside other people's training loops: a callback each for Lightning, transformers and ultralytics.

None of the three is needed to import this package; a callback whose framework is not installed says so when
it is made. Guide: docs/fine-tuning.md.
"""

from secateur.integrations.lightning import lightning_callback
from secateur.integrations.transformers import transformers_callback
from secateur.integrations.ultralytics import ultralytics_callback

__all__ = ["lightning_callback", "transformers_callback", "ultralytics_callback"]
