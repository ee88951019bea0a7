"""From a calibrated description to a graph of i8 operators, f32 where it says so, and conversions between."""

from secateur.passes.quantize.description import LayerChoice, Quantization, TensorScale, chosen
from secateur.passes.quantize.dtypes import capable
from secateur.passes.quantize.place import quantise_graph
from secateur.passes.quantize.prepare import prepare
from secateur.passes.quantize.weights import quantise_rows

__all__ = [
    "LayerChoice",
    "Quantization",
    "TensorScale",
    "capable",
    "chosen",
    "prepare",
    "quantise_graph",
    "quantise_rows",
]
