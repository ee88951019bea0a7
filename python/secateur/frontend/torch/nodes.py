"""Names and places of nodes of an exported graph, for layers and error messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch


def location(node: torch.fx.Node) -> tuple[str, str]:
    """(qualified module path, "file.py:line") of the source of a node, where known."""
    stack = node.meta.get("nn_module_stack") or {}
    path = ""
    for entry in stack.values():
        path = entry[0]
    lines = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [line for line in lines if "/torch/nn/" not in line[0]] or lines
    source = f"{own[-1][0].rsplit('/', 1)[-1]}:{own[-1][1]}" if own else ""
    return path, source


def aten_name(target: Any) -> str:
    """``op.overload``

    >>> aten_name(torch.ops.aten.relu.default)
    'relu.default'
    """
    return str(target).removeprefix("aten.")


def origin(node: torch.fx.Node) -> tuple[str, str]:
    """(operator, name) of the node that stood in the exported program where a decomposition put this one.

    `F.mish`, decomposed into softplus, tanh and a product, is ("aten.mish.default", "mish") in each.
    """
    found = str(node.target), node.name
    sources = node.meta.get("from_node") or []
    while sources:  # the last step first; what is no ATen operator is the tracer's
        if str(sources[0].target).startswith("aten."):
            found = str(sources[0].target), sources[0].name
        sources = sources[0].from_node
    return found


def leaf_name(node: torch.fx.Node) -> str:
    """The layer's name, or the enclosing module's name and the operator's."""
    path, _ = location(node)
    stack = node.meta.get("nn_module_stack") or {}
    kind = str(list(stack.values())[-1][1]) if stack else ""
    short = aten_name(node.target).split(".")[0].strip("_")
    container = (
        "Sequential",
        "ModuleList",
        "MultiheadAttention",
        "TransformerEncoderLayer",
        "TransformerDecoderLayer",
    )
    if path and kind.startswith("torch.nn.") and not kind.endswith(container):
        return path
    return f"{path}.{short}" if path else short


def leaves(item: Any) -> Iterator[Any]:
    """What stands in nested lists, tuples and dictionaries."""
    if isinstance(item, (list, tuple)):
        for part in item:
            yield from leaves(part)
    elif isinstance(item, dict):
        yield from leaves(list(item.values()))
    else:
        yield item
