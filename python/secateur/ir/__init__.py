"""The compiler's graph: typed tensors, the runtime's operators, nothing else."""

from secateur.ir.activation import Activation
from secateur.ir.graph import Graph, Op, Port, State, StorageFormat, Value
from secateur.ir.operator import Operator
from secateur.ir.ops import OPERATORS, macs
from secateur.ir.types import DType, Layout, Residence, TensorType, planes, row_major
from secateur.ir.verify import verify

__all__ = [
    "OPERATORS",
    "Activation",
    "DType",
    "Graph",
    "Layout",
    "Op",
    "Operator",
    "Port",
    "Residence",
    "State",
    "StorageFormat",
    "TensorType",
    "Value",
    "macs",
    "planes",
    "row_major",
    "verify",
]
