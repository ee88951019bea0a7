"""Quantization: calibrate a network, or fine-tune it beside rounding, and describe how it runs in int8.

q = sct.quantize.static(model, calibration=loader, example_inputs=x, budget=0.05)
program = sct.compile(model, x, quantize=q)
"""

from secateur.passes.quantize import LayerChoice, Quantization, TensorScale
from secateur.quantize.aware import Aware, aware
from secateur.quantize.sensitivity import LayerError, sensitivity
from secateur.quantize.static import static

__all__ = [
    "Aware",
    "LayerChoice",
    "LayerError",
    "Quantization",
    "TensorScale",
    "aware",
    "sensitivity",
    "static",
]
