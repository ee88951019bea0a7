"""The compiler's graph: typed planes tensors, the runtime's operators, nothing else."""

from secateur.ir.graph import Activation, Graph, Op, Port, StorageFormat, Value
from secateur.ir.ops import OPERATORS, Operator
from secateur.ir.verify import verify

__all__ = [
    "OPERATORS",
    "Activation",
    "Graph",
    "Op",
    "Operator",
    "Port",
    "StorageFormat",
    "Value",
    "verify",
]
