"""One rule per ATen operator: which channels its output holds, and which it ties together.

A rule returns the lineage of the output, or None where no channels are followed any further. Whatever
a rule does not know it pins, so an unknown operator costs pruning, never correctness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn
from torch.fx import Node

from secateur.prune.channels.lineage import ChannelMap, Ids, Lineage, Split

Rule = Callable[["Call"], Lineage | None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a rule under ATen operator names (without overload or in-place underscore)."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


@dataclass(frozen=True)
class Call:
    """One operator of the graph, with what a rule needs to know around it."""

    node: Node
    channels: ChannelMap
    lineages: Mapping[Node, Lineage | None]
    modules: Mapping[str, nn.Module]
    targets: Mapping[str, str]
    owners: Mapping[str, str]
    shared: set[str]

    def arg(self, index: int, default: Any = None) -> Any:
        """The positional argument at `index`."""
        return self.node.args[index] if len(self.node.args) > index else default

    def lineage(self, value: object) -> Lineage | None:
        """The channels of an argument, if it holds any."""
        return self.lineages.get(value) if isinstance(value, Node) else None

    def shape(self, value: object = None) -> tuple[int, ...]:
        """The shape of an argument, or of the output."""
        node = value if isinstance(value, Node) else self.node
        return tuple(int(size) for size in getattr(node.meta.get("val"), "shape", ()))

    def module(self, *values: object) -> tuple[str, nn.Module | None]:
        """The module that owns the first of these parameters or buffers, with its name."""
        for value in values:
            target = self.targets.get(value.name) if isinstance(value, Node) else None
            if target is not None and target in self.owners:
                name = self.owners[target]
                return name, None if name in self.shared else self.modules[name]
        return "", None

    def home(self) -> str:
        """The name of the module whose forward calls this."""
        stack = list(self.node.meta.get("nn_module_stack", {}).values())
        return str(stack[-1][0]) if stack else ""

    def give_up(self, reason: str, *values: object) -> Lineage | None:
        """Pin the channels of `values` (all inputs by default); returns None, what a rule then returns."""
        for value in values or tuple(self.node.all_input_nodes):
            if (lineage := self.lineage(value)) is not None:
                self.channels.pin(lineage.ids, reason)
        return None


def _drop_none(*values: Lineage | None) -> list[Lineage]:
    return [value for value in values if value is not None]


# --- layers -------------------------------------------------------------------------------------


@rule("conv1d", "conv2d", "conv3d", "convolution")
def _convolution(call: Call) -> Lineage | None:
    x, weight = call.arg(0), call.arg(1)
    name, module = call.module(weight)
    incoming = call.lineage(x)
    if not isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) or len(call.shape(x)) != module.weight.dim():
        call.give_up("enters a convolution that is no Conv module of its own")
        return None
    channels, groups = call.channels, module.groups
    outgoing = channels.ports[name, "out"].ids if (name, "out") in channels.ports else None
    if outgoing is None:
        outgoing = channels.port(name, "out", channels.fresh(module.out_channels))
    if incoming is not None and incoming.axis != 1:
        call.give_up("lies along an axis that a convolution slides over", x)
        incoming = None
    enter = incoming.ids if incoming is not None else channels.fresh(module.in_channels)
    if incoming is None:
        channels.pin(enter, "network input")
    enter = channels.port(name, "in", enter)
    if groups > 1:
        _tie_groups(channels, enter, outgoing, groups)
    return Lineage(1, outgoing)


def _tie_groups(channels: ChannelMap, enter: Ids, leave: Ids, groups: int) -> None:
    if groups == len(enter):  # depthwise: each input channel with the outputs made from it
        channels.join(np.repeat(enter, len(leave) // groups), leave)
        return
    for ids in (enter, leave):  # every group must keep as many: the same place in each goes together
        by_group = ids.reshape(groups, -1)
        for other in by_group[1:]:
            channels.join(by_group[0], other)


@rule("linear")
def _linear(call: Call) -> Lineage | None:
    x, weight = call.arg(0), call.arg(1)
    name, module = call.module(weight)
    incoming = call.lineage(x)
    last = len(call.shape(x)) - 1
    if not isinstance(module, nn.Linear):
        call.give_up("enters a linear map that is no Linear module of its own")
        return None
    channels = call.channels
    if incoming is not None and incoming.axis != last:
        call.give_up("lies beside the axis that a linear layer maps", x)
        incoming = None
    enter = incoming.ids if incoming is not None else channels.fresh(module.in_features)
    if incoming is None:
        channels.pin(enter, "network input")
    channels.port(name, "in", enter)
    if (name, "out") not in channels.ports:
        channels.port(name, "out", channels.fresh(module.out_features))
    return Lineage(last, channels.ports[name, "out"].ids)


@rule("batch_norm", "_native_batch_norm_legit_no_training", "prelu")
def _per_channel(call: Call) -> Lineage | None:
    x = call.arg(0)
    incoming = call.lineage(x)
    if incoming is None:
        return None
    name, module = call.module(*call.node.args[1:5])
    known = isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.PReLU))
    if isinstance(module, nn.PReLU) and module.num_parameters == 1:
        return incoming
    if module is None or not known or incoming.axis != 1:
        call.give_up("enters a normalisation that is no module of its own")
        return None
    if len(incoming.ids) != len(next(iter([*module.parameters(), *module.buffers()]))):
        call.give_up("enters a normalisation of another width")
        return None
    call.channels.port(name, "vector", incoming.ids)
    return incoming


# --- operators that leave channels where they are -------------------------------------------------


# Pointwise functions, copies, pooling and resizing: names of ATen operators.
SAME_PLACE = """
relu relu6 hardtanh hardswish hardsigmoid leaky_relu sigmoid silu gelu tanh elu selu celu mish softplus
clamp clamp_min clamp_max abs neg exp sqrt rsqrt square pow erf reciprocal logsigmoid softsign hardshrink
dropout feature_dropout masked_fill clone contiguous alias detach to _to_copy type_as lift_fresh_copy
max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d
max_pool3d avg_pool3d adaptive_avg_pool3d
adaptive_max_pool1d adaptive_max_pool2d max_pool2d_with_indices
upsample_nearest1d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_nearest_exact2d
"""


@rule(*SAME_PLACE.split())
def _same_place(call: Call) -> Lineage | None:
    lineage, name = call.lineage(call.arg(0)), str(call.node.target)
    if any(call.lineage(value) is not None for value in call.node.args[1:]):
        return call.give_up("feeds a parameter of an operator")
    if lineage is not None and lineage.axis != 1 and any(word in name for word in ("pool", "upsample")):
        return call.give_up("lies along an axis that is pooled or resized")
    return lineage


@rule("add", "sub", "mul", "div", "maximum", "minimum", "rsub")
def _elementwise(call: Call) -> Lineage | None:
    rank = len(call.shape())
    parts: list[Lineage] = []
    plain: list[Node] = []
    for value in (call.arg(0), call.arg(1)):
        if (lineage := call.lineage(value)) is not None:
            parts.append(Lineage(lineage.axis + rank - len(call.shape(value)), lineage.ids))
        elif isinstance(value, Node):
            plain.append(value)
    if not parts:
        return None
    first, width = parts[0], call.shape()[parts[0].axis]
    for other in parts[1:]:
        if other.axis != first.axis or len(other.ids) != len(first.ids):
            return call.give_up("is combined with channels of another axis or width")
        call.channels.join(first.ids, other.ids)
    for value in plain:
        shape = (1,) * (rank - len(call.shape(value))) + call.shape(value)
        if shape[first.axis] != 1:
            call.channels.pin(first.ids, "is combined with a tensor that no layer made")
    return first if len(first.ids) == width else call.give_up("is broadcast over channels")


# --- joining and cutting ----------------------------------------------------------------------------


@rule("cat", "concat", "concatenate")
def _concatenate(call: Call) -> Lineage | None:
    values = list(call.arg(0))
    rank = len(call.shape())
    axis = int(call.arg(1, call.node.kwargs.get("dim", 0))) % rank
    parts = [call.lineage(value) for value in values]
    known = _drop_none(*parts)
    if not known:
        return None
    if any(part.axis != known[0].axis for part in known):
        return call.give_up("is concatenated with channels of another axis")
    if axis != known[0].axis:
        if len(known) < len(parts):
            return call.give_up("is concatenated with a tensor that no layer made")
        for part in known[1:]:
            call.channels.join(known[0].ids, part.ids)
        return known[0]
    pieces: list[Ids] = []
    for value, source in zip(values, parts, strict=True):
        if source is None:
            ids = call.channels.fresh(call.shape(value)[axis])
            call.channels.pin(ids, "no layer makes it")
            pieces.append(ids)
        else:
            pieces.append(source.ids)
    return Lineage(axis, np.concatenate(pieces))


@rule("pad", "constant_pad_nd")
def _pad(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is None:
        return None
    pads = [int(p) for p in call.arg(1)]
    place = 2 * (len(call.shape()) - 1 - lineage.axis)
    if place >= len(pads) or pads[place : place + 2] == [0, 0]:
        return lineage
    before, after = pads[place : place + 2]
    mode = call.arg(2, "constant")
    if before < 0 or after < 0 or (isinstance(mode, str) and mode != "constant"):
        return call.give_up("is padded along channels by copies or cuts")
    # The amounts stand in the program's text: the padding stays, the channels between may shrink.
    around = call.channels.fresh(before + after)
    call.channels.pin(around, "channel padding of fixed width")
    return Lineage(lineage.axis, np.concatenate([around[:before], lineage.ids, around[before:]]))


@rule("slice", "select", "split", "split_with_sizes", "chunk", "unbind", "getitem", "narrow")
def _cut(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is None:
        return None
    name = str(call.node.target)
    if "getitem" in name:
        source = str(getattr(call.arg(0), "target", ""))
        if int(call.arg(1)) and any(word in source for word in ("lstm", "gru", "rnn")):  # the last states
            return Lineage(len(call.shape()) - 1, lineage.ids[: call.shape()[-1]])
        return lineage  # of a split along another axis
    behind_count = "split" in name or "chunk" in name  # (x, sizes, dim), not (x, dim, ...)
    axis = call.arg(2 if behind_count else 1, call.node.kwargs.get("dim", 0))
    axis = int(axis) % len(call.shape(call.arg(0)))
    if axis != lineage.axis:
        drops = "select" in name or "unbind" in name
        return Lineage(lineage.axis - int(drops and axis < lineage.axis), lineage.ids)
    if "slice" in name and call.shape() == call.shape(call.arg(0)) and call.arg(4, 1) == 1:
        return lineage
    return call.give_up("is cut along channels at a fixed place")


# --- axes ---------------------------------------------------------------------------------------------


@rule("mean", "sum", "amax", "amin")
def _reduce(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is None:
        return None
    rank = len(call.shape(call.arg(0)))
    axes = call.arg(1)
    axes = list(range(rank)) if axes in (None, []) else [axes] if isinstance(axes, int) else list(axes)
    axes = [int(axis) % rank for axis in axes]
    if lineage.axis in axes:
        return call.give_up("is reduced over channels")
    keep = bool(call.arg(2, call.node.kwargs.get("keepdim", False)))
    return Lineage(lineage.axis - (0 if keep else sum(axis < lineage.axis for axis in axes)), lineage.ids)


@rule("softmax", "log_softmax", "_softmax")
def _softmax(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is not None and int(call.arg(1)) % len(call.shape()) == lineage.axis:
        return call.give_up("is normalised over channels")
    return lineage


@rule("permute", "transpose", "t", "numpy_T")
def _permute(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is None:
        return None
    rank = len(call.shape())
    order = list(range(rank))
    if "permute" in str(call.node.target):
        order = [int(axis) % rank for axis in call.arg(1)]
    elif "transpose" in str(call.node.target):
        a, b = int(call.arg(1)) % rank, int(call.arg(2)) % rank
        order[a], order[b] = order[b], order[a]
    else:
        order.reverse()
    return Lineage(order.index(lineage.axis), lineage.ids)


@rule("expand", "expand_as")
def _expand(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is None:
        return None
    axis = lineage.axis + len(call.shape()) - len(call.shape(call.arg(0)))
    if call.shape()[axis] != len(lineage.ids):
        return call.give_up("is broadcast over channels")
    return Lineage(axis, lineage.ids)


@rule(
    "flatten", "view", "reshape", "_unsafe_view", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as"
)
def _reshape(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is None:
        return None
    before, after = call.shape(call.arg(0)), call.shape()
    moved = reshape_lineage(lineage, before, after) or split_heads(call, lineage, before, after)
    return moved or call.give_up("is reshaped so that channels mix with another axis")


def split_heads(
    call: Call, lineage: Lineage, before: tuple[int, ...], after: tuple[int, ...]
) -> Lineage | None:
    """[..., channels] seen as [..., heads, size] or [..., 3, heads, size]: a head goes as a whole."""
    axis = len(before) - 1
    deeper = len(after) - len(before)
    if lineage.axis != axis or deeper not in (1, 2) or after[:axis] != before[:axis]:
        return None
    heads = after[-2]
    table = lineage.ids.reshape(-1, heads, after[-1])
    for part in table:
        for column in part.T:
            call.channels.join(table[0, :, 0], column)
    module = call.home()
    if module in call.modules:
        split = Split(module, heads, heads * after[-1], table[0, :, 0].copy())
        call.channels.splits.append(split)
    return Lineage(len(after) - 2, table[0, :, 0].copy())


def reshape_lineage(lineage: Lineage, before: tuple[int, ...], after: tuple[int, ...]) -> Lineage | None:
    """Where the channels of a tensor of shape `before` stand when it is viewed as `after`.

    None where they mix with another axis in a way that cannot be followed.

    >>> import numpy as np
    >>> reshape_lineage(Lineage(1, np.array([7, 8])), (1, 2, 2, 2), (1, 8)).ids
    array([7, 7, 7, 7, 8, 8, 8, 8])
    """
    outer = math.prod(before[: lineage.axis])
    inner = math.prod(before[lineage.axis + 1 :])
    width = len(lineage.ids)
    for axis, size in enumerate(after):
        lead, trail = math.prod(after[:axis]), math.prod(after[axis + 1 :])
        if size == 0 or outer % lead or inner % trail:
            continue
        repeats, tiles = inner // trail, outer // lead
        if size == tiles * width * repeats:  # merged with neighbours, or the same
            return Lineage(axis, np.tile(np.repeat(lineage.ids, repeats), tiles))
    for axis, size in enumerate(after):  # split: constant ids along what is split off behind
        lead, trail = math.prod(after[:axis]), math.prod(after[axis + 1 :])
        if size and lead == outer and width % size == 0 and trail == inner * (width // size):
            ids = lineage.ids.reshape(size, -1)
            if bool((ids == ids[:, :1]).all()):
                return Lineage(axis, ids[:, 0].copy())
    return None
