"""Nodes on constants alone, run once by the package's NumPy definitions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from secateur.lowering.unsupported import Unsupported

RANDOM = (
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
)


def evaluate(node: NodeProto, operands: Sequence[Any], opset: int) -> tuple[Any, ...]:
    """The results of a node on arrays (None where an input is left out). Raises Unsupported."""
    if node.op_type in RANDOM:
        raise Unsupported("it is random")
    if node.op_type == "Constant":
        return (_constant(node),)
    if node.op_type == "Identity":
        return (operands[0],)
    if node.op_type == "SequenceEmpty":
        return ([],)
    feeds = {name: x for name, x in zip(node.input, operands, strict=True) if name}
    outputs = [name for name in node.output if name]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = ReferenceEvaluator(_alone(node, opset)).run(outputs, feeds)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unsupported(f"it cannot be computed on its constants: {reason}") from None
    made = iter(_as_array(x) for x in found)
    return tuple(next(made) if name else None for name in node.output)


def _alone(node: NodeProto, opset: int) -> ModelProto:
    """A network of one node."""
    inputs, outputs = (
        [ValueInfoProto(name=name) for name in names if name] for names in (node.input, node.output)
    )
    graph = helper.make_graph([node], "node", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def _as_array(x: Any) -> Any:
    return x if isinstance(x, list) or x is None else np.asarray(x)


def _constant(node: NodeProto) -> Any:
    attribute = node.attribute[0]
    value = helper.get_attribute_value(attribute)
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    if attribute.name.startswith("value_float"):
        return np.asarray(value, np.float32)
    if attribute.name.startswith("value_int"):
        return np.asarray(value, np.int64)
    raise Unsupported(f"a constant that is a {attribute.name}")
