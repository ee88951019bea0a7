"""Post-training quantization: calibrate a network, and describe how it runs in int8.

q = sct.quantize.static(model, calibration=loader, example_inputs=x, method="mse")
program = sct.compile(model, x, quantize=q)
"""

from secateur.passes.quantize import LayerChoice, Quantization, TensorScale
from secateur.quantize.sensitivity import LayerError, sensitivity
from secateur.quantize.static import static

__all__ = ["LayerChoice", "LayerError", "Quantization", "TensorScale", "sensitivity", "static"]
