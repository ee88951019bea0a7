"""One file per family of ONNX operators: a node's arguments in, one call of a lowering function. Importing
this package imports them all, which fills the registry: a new file is all that a new family takes."""

import importlib
import pkgutil

from secateur.frontend.onnx.registry import READERS

for _file in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_file.name}")

__all__ = ["READERS"]
