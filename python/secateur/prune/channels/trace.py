"""Follows every channel through a network: torch.export's ATen graph, one rule per operator."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.fx import Node

from secateur.errors import PruningError
from secateur.prune.channels import packed_rules as _packed_rules  # noqa: F401 - registers its rules
from secateur.prune.channels import sequence_rules as _sequence_rules  # noqa: F401 - registers its rules
from secateur.prune.channels import transposed_rules as _transposed_rules  # noqa: F401 - registers its rules
from secateur.prune.channels.lineage import ChannelMap, Lineage
from secateur.prune.channels.rules import RULES, Call
from secateur.prune.example import Example, plain_precision, twin


def export_graph(model: nn.Module, example: Example) -> tuple[torch.fx.Graph, dict[str, str]]:
    """The ATen graph of `model` in eval mode, and the parameter or buffer behind each placeholder."""
    try:
        example = example.fitted(model)
        with warnings.catch_warnings(), torch.no_grad(), plain_precision():
            warnings.simplefilter("ignore")
            program = torch.export.export(twin(model), example.args, example.kwargs, strict=False)
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PruningError(
            f"channel pruning traces the network by torch.export, which failed: {first}. "
            f"Check example_inputs ({example}), or prune by 'element' or blocks, which need no trace"
        ) from error
    names: dict[str, str] = {}
    for spec in program.graph_signature.input_specs:
        if spec.target is not None and hasattr(spec.arg, "name"):
            names[spec.arg.name] = spec.target
    return program.graph, names


def _owners(model: nn.Module) -> tuple[dict[str, str], set[str]]:
    """Tensor name -> module name, and the modules that share a parameter with another."""
    owners: dict[str, str] = {}
    holders: dict[int, set[str]] = {}
    for name, module in model.named_modules():
        tensors: Mapping[str, Tensor | None] = {**module._parameters, **module._buffers}
        for key, tensor in tensors.items():
            if tensor is not None:
                owners[f"{name}.{key}" if name else key] = name
                holders.setdefault(id(tensor), set()).add(name)
    return owners, {name for names in holders.values() if len(names) > 1 for name in names}


def _loose(
    target: str,
    owners: Mapping[str, str],
    modules: Mapping[str, nn.Module],
    shared: set[str],
    channels: ChannelMap,
) -> Lineage | None:
    """The channels of a parameter that no known layer holds: a token, a table of positions, a scale."""
    name = owners.get(target)
    if name is None or name in shared or type(modules[name]).__module__.startswith("torch."):
        return None
    key = target.rpartition(".")[2]
    tensor = getattr(modules[name], key)
    long = [axis for axis, size in enumerate(tensor.shape) if size > 1]
    axis = (
        tensor.dim() - 1 if tensor.dim() == 3 and tensor.shape[0] == 1 else long[0] if len(long) == 1 else -1
    )
    if axis < 0 or tensor.shape[axis] < 2:
        return None
    return Lineage(axis, channels.port(name, f"tensor {key} {axis}", channels.fresh(tensor.shape[axis])))


def _nodes(value: object) -> list[Node]:
    if isinstance(value, Node):
        return [value]
    if isinstance(value, (list, tuple)):
        return [node for item in value for node in _nodes(item)]
    return []


def trace_channels(model: nn.Module, example: Example) -> ChannelMap:
    """The channels of `model` and where each passes. The model is not changed."""
    graph, targets = export_graph(model, example)
    owners, shared = _owners(model)
    modules = dict(model.named_modules())
    channels = ChannelMap()
    lineages: dict[Node, Lineage | None] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            lineages[node] = _loose(targets.get(node.name, ""), owners, modules, shared, channels)
        elif node.op == "output":
            for source in _nodes(node.args):
                if (lineage := lineages.get(source)) is not None:
                    channels.pin(lineage.ids, "network output")
        elif node.op == "call_function":
            call = Call(node, channels, lineages, modules, targets, owners, shared)
            packet = getattr(node.target, "overloadpacket", node.target)
            name = "getitem" if node.target is operator.getitem else str(packet).removeprefix("aten.")
            # An in-place operator does to channels what its twin does.
            rule = RULES.get(name) or RULES.get(name.removesuffix("_"))
            lineages[node] = rule(call) if rule is not None else call.give_up(f"passes through {name}")
        else:
            lineages[node] = None
    return channels
