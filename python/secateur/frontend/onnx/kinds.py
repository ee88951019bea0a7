"""The element types that ONNX gives to values; a computed tensor is held as float32 whatever it is.

They stand in the walk's environment beside the values, so that a body sees those around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, ValueInfoProto, helper

F32 = np.dtype(np.float32)
_TRUTHS = {
    *("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Not", "And", "Or", "Xor"),
    *("IsNaN", "IsInf"),
}
_NUMBERS = {"ArgMax", "ArgMin", "NonZero", "Shape", "Size", "SequenceLength", "TopK", "Unique"}
_OF_SECOND = {"Where", "CastLike", "SequenceInsert"}  # the operand whose type the result has
_OF_THIRD = {"OneHot"}
Env = dict[Any, Any]


def key(name: str) -> tuple[str, str]:
    """Where an environment holds the type of a value."""
    return "kind", name


def of(name: str, x: Any, env: Env) -> np.dtype[Any]:
    """The type of a value."""
    if isinstance(x, np.ndarray):
        own: np.dtype[Any] = x.dtype
        return own
    found: np.dtype[Any] = env.get(key(name), F32)
    return found


def declared(value: ValueInfoProto) -> np.dtype[Any]:
    """What an input of a body is said to be."""
    kind = value.type.tensor_type.elem_type
    return helper.tensor_dtype_to_np_dtype(kind) if kind else F32


def note(node: NodeProto, output: int, operands: Sequence[Any], env: Env) -> None:
    """The type of a node's output, by its operator."""
    place = {**dict.fromkeys(_OF_SECOND, 1), **dict.fromkeys(_OF_THIRD, 2)}.get(node.op_type, 0)
    kind: np.dtype[Any]
    if node.op_type in _TRUTHS:
        kind = np.dtype(bool)
    elif node.op_type in _NUMBERS:
        kind = np.dtype(np.int64)
    elif node.op_type == "Cast":
        to = next(a.i for a in node.attribute if a.name == "to")
        kind = np.dtype(helper.tensor_dtype_to_np_dtype(to))
    elif place < len(node.input):
        kind = of(node.input[place], operands[place], env)
    else:
        kind = F32
    env[key(node.output[output])] = kind
