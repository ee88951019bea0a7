"""Operators that are defined by others: the nodes of that definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import NodeProto, TensorProto, TypeProto, helper


def expanded(
    node: NodeProto, types: Mapping[str, tuple[int, tuple[int, ...]] | None], opset: int, scope: str
) -> tuple[list[NodeProto], int] | None:
    """The nodes that define an operator of that opset, with its names, and the opset that they are of; None
    where it has no such definition.

    types: (element type, shape) of its inputs; None where one is not known.
    """
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, "")
    except onnx.defs.SchemaError:
        return None
    body = _body(node, schema, types)
    if body is None:
        return None
    inner = dict.fromkeys(body.input, "") | dict(zip(body.input, node.input, strict=False))
    inner |= {name: x for name, x in zip(body.output, node.output, strict=False) if x}
    prefix = f"{scope}{node.output[0]}."
    given = {a.name: a for a in node.attribute}
    defaults = {a.name: a for a in body.attribute_proto}
    nodes = []
    for part in body.node:
        copy = NodeProto.FromString(part.SerializeToString())
        copy.name = prefix + (part.name or part.output[0])
        copy.input[:] = [inner.get(name, prefix + name) if name else "" for name in part.input]
        copy.output[:] = [inner.get(name, prefix + name) if name else "" for name in part.output]
        del copy.attribute[:]
        for attribute in part.attribute:
            source = attribute
            if attribute.ref_attr_name:
                found = given.get(attribute.ref_attr_name, defaults.get(attribute.ref_attr_name))
                if found is None:
                    found = _default(schema, attribute.ref_attr_name)
                if found is None:
                    continue
                source = onnx.AttributeProto.FromString(found.SerializeToString())
                source.name = attribute.name
            copy.attribute.append(source)
        nodes.append(copy)
    return nodes, next((o.version for o in body.opset_import if o.domain == ""), opset)


def _default(schema: onnx.defs.OpSchema, name: str) -> onnx.AttributeProto | None:
    held = schema.attributes.get(name)
    return held.default_value if held is not None and held.default_value.name else None


def _body(
    node: NodeProto, schema: onnx.defs.OpSchema, types: Mapping[str, tuple[int, tuple[int, ...]] | None]
) -> onnx.FunctionProto | None:
    held: Any = schema  # the package's stubs lack what follows
    if held.has_function:
        whole: onnx.FunctionProto = held.function_body
        return whole
    if not held.has_context_dependent_function:
        return None
    kinds = []
    for name in node.input:
        known = types.get(name) if name else (TensorProto.UNDEFINED, ())
        if known is None:
            return None
        kind = helper.make_tensor_type_proto(*known) if name else TypeProto()
        kinds.append(kind.SerializeToString())
    try:
        text = held.get_context_dependent_function(node.SerializeToString(), kinds)
    except Exception:  # of what the definition does not cover
        return None
    return onnx.FunctionProto.FromString(text) if text else None
