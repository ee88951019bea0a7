"""Networks that come quantised: QuantizeLinear and DequantizeLinear behind it say the scale of a tensor.

The pairs around tensors are taken out and their scales kept, so that what is lowered is the network in
float32; weights that are stored as bytes are constants like others. The compiler then makes int8 layers of
it by the scales of the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from secateur.frontend.common import Scale, Stored, numbers_of


def constants_of(model: ModelProto) -> dict[str, NDArray[Any]]:
    """Initialisers and the results of Constant nodes."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(helper.get_attribute_value(node.attribute[0]))
    return found


def in_float32(model: ModelProto) -> tuple[ModelProto, Stored]:
    """The network without the pairs around its tensors and with its weights in float32; what these said.

    A pair that is not one of bytes with one scale stays where it is.
    """
    stored = Stored()
    constants = constants_of(model)
    outputs = {value.name for value in model.graph.output}
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    gone: dict[str, str] = {}  # what a QuantizeLinear gives -> what it reads
    for node in model.graph.node:
        x = node.input[0] if node.input else ""
        if node.op_type != "QuantizeLinear" or x in constants or node.output[0] in outputs:
            continue
        found, back = _scale(node, constants), readers.get(node.output[0], [])
        if found is None or not back:
            continue
        if any(n.op_type != "DequantizeLinear" or _scale(n, constants) != found for n in back):
            continue
        gone[node.output[0]] = x
        stored.keep(x, found)
    made = ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in gone:
            node = helper.make_node("Identity", [gone[node.input[0]]], list(node.output), name=node.name)
        elif (weight := _weight(node, constants, stored)) is not None:
            made.graph.initializer.append(numpy_helper.from_array(weight, node.output[0]))
            continue
        if node.output[0] not in gone:
            made.graph.node.append(node)
    return made, stored


def _weight(
    node: NodeProto, constants: dict[str, NDArray[Any]], stored: Stored
) -> NDArray[np.float32] | None:
    """Of a DequantizeLinear on constants, the numbers: ``scale (code - zero point)``, a scale for all or for
    each index of an axis."""
    if node.op_type != "DequantizeLinear" or any(name and name not in constants for name in node.input):
        return None
    attributes = {a.name: a.i for a in node.attribute}
    codes, scale = constants[node.input[0]], constants[node.input[1]]
    if attributes.get("block_size") or codes.dtype.kind not in "iu" or scale.dtype != np.float32:
        return None
    zero = constants[node.input[2]] if len(node.input) > 2 and node.input[2] else np.zeros((), codes.dtype)
    numbers = numbers_of(codes, scale, zero, attributes.get("axis", 1) if scale.ndim else 0)
    if codes.dtype == np.int8 and not zero.any():
        stored.rows[node.output[0]] = scale.reshape(-1)
    return numbers


def _scale(node: NodeProto, constants: dict[str, NDArray[Any]]) -> Scale | None:
    """Of a node with one scale for a tensor of bytes; None of others."""
    scale = constants.get(node.input[1])
    zero = constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros((), np.uint8)
    others = {a.name for a in node.attribute} - {"axis", "saturate"}
    if scale is None or zero is None or scale.size != 1 or zero.size != 1 or others:
        return None
    if scale.dtype != np.float32 or zero.dtype not in (np.uint8, np.int8) or not float(scale.reshape(())) > 0:
        return None
    shift = 128 if zero.dtype == np.uint8 else 0
    return Scale(float(scale.reshape(())), int(zero.reshape(())) - shift)
