"""Which parameters of an exported program are weights: read from the operators that use them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.fx import GraphModule, Node

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell")
# Operators that hand a weight on as it is, but for its axes.
SAME = ("t", "transpose", "permute", "detach", "to", "_to_copy", "contiguous", "clone", "alias", "view")


@dataclass(frozen=True)
class Use:
    """How an operator uses a parameter as a weight."""

    transposed: bool = False
    groups: int = 1
    depthwise: bool = False
    taps: int = 1
    embedding: bool = False


def _name(node: Node) -> str:
    packet = getattr(node.target, "overloadpacket", node.target)
    return str(packet).removeprefix("aten.")


def _argument(node: Node, index: int, key: str, default: object) -> object:
    if key in node.kwargs:
        return node.kwargs[key]
    return node.args[index] if len(node.args) > index else default


def _source(value: object) -> Node | None:
    """The get_attr node behind an argument, through operators that only move axes."""
    while isinstance(value, Node) and value.op == "call_function" and _name(value) in SAME:
        value = value.args[0]
    return value if isinstance(value, Node) and value.op == "get_attr" else None


def _convolution(node: Node, shape: tuple[int, ...]) -> Use:
    name = _name(node)
    taps = math.prod(shape[2:])
    if name == "convolution":
        transposed, groups = bool(_argument(node, 6, "transposed", False)), _argument(node, 8, "groups", 1)
    elif name.startswith("conv_transpose"):
        transposed, groups = True, _argument(node, 6, "groups", 1)
    else:
        transposed, groups = False, _argument(node, 6, "groups", 1)
    assert isinstance(groups, int)
    return Use(transposed, groups, not transposed and groups > 1 and shape[1] == 1, taps)


def uses_in_graph(module: GraphModule) -> dict[str, Use]:
    """From the full name of every parameter that an operator uses as a weight to how it does."""
    shapes = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
    found: dict[str, Use] = {}
    for node in module.graph.nodes:
        if node.op != "call_function":
            continue
        name = _name(node)
        if name.startswith("conv"):
            places = [node.args[1]]
        elif name in ("linear", "bilinear", "mm", "matmul", "bmm"):
            places = list(node.args[1:3] if name == "bilinear" else node.args[:2])
        elif name == "addmm":
            places = list(node.args[1:3])
        elif name in ("embedding", "embedding_bag"):
            places = [node.args[0]]
        elif name in RECURRENT:
            places = [v for a in node.args for v in (a if isinstance(a, (list, tuple)) else [a])]
        else:
            continue
        for place in places:
            source = _source(place)
            if source is None or len(shapes.get(str(source.target), ())) < 2:
                continue
            path = str(source.target)
            use = _convolution(node, shapes[path]) if name.startswith("conv") else Use()
            if name.startswith("embedding"):
                use = Use(embedding=True)
            if path not in found or found[path].embedding:
                found[path] = use
    return found


def positions_in_graph(module: GraphModule, batch: int) -> dict[str, int]:
    """How often each weight is applied to one input of a batch, by the parameter's name; 0 for embeddings."""
    found: dict[str, int] = {}
    for node in module.graph.nodes:
        name = _name(node) if node.op == "call_function" else ""
        if not name.startswith("conv") and name not in ("linear", "mm", "matmul", "addmm", *RECURRENT):
            continue
        values = [v for a in node.args for v in (a if isinstance(a, (list, tuple)) else [a])]
        for source in {s for s in map(_source, values) if s is not None}:
            path, shape = str(source.target), source.meta["val"].shape
            out, first = node.meta["val"], node.args[0]
            if len(shape) < 2:
                continue
            if name.startswith("conv") and _convolution(node, tuple(shape)).transposed:
                assert isinstance(first, Node)
                uses = first.meta["val"].numel() // shape[0]
            elif name.startswith("conv"):
                uses = out.numel() // shape[0]
            else:
                out = out[0] if isinstance(out, (list, tuple)) else out
                uses = out.numel() // out.shape[-1]
            found[path] = found.get(path, 0) + max(1, uses // batch)
    return found
