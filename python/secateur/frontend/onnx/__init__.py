"""ONNX files -> the compiler's graph. Importing this package needs the package `onnx`."""

from secateur.frontend.onnx.given import Given
from secateur.frontend.onnx.model import Source
from secateur.frontend.onnx.oracle import OnnxOracle
from secateur.frontend.onnx.read import read
from secateur.frontend.onnx.walk import lower

__all__ = ["Given", "OnnxOracle", "Source", "lower", "read"]
