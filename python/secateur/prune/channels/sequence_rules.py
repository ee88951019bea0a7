"""Rules for what transformers and recurrent networks are made of: norms over features, heads, states."""

from __future__ import annotations

import numpy as np
from torch import nn

from secateur.prune.channels.lineage import Lineage
from secateur.prune.channels.rules import Call, rule


@rule("layer_norm")
def _layer_norm(call: Call) -> Lineage | None:
    lineage = call.lineage(call.arg(0))
    if lineage is None:
        return None
    name, module = call.module(call.arg(2), call.arg(3))
    rank = len(call.shape(call.arg(0)))
    if not isinstance(module, nn.LayerNorm) or len(module.normalized_shape) != 1 or lineage.axis != rank - 1:
        return call.give_up("is normalised over several axes, or by no module of its own")
    call.channels.port(name, "vector", lineage.ids)
    return lineage


@rule("embedding")
def _embedding(call: Call) -> Lineage | None:
    name, module = call.module(call.arg(0))
    if not isinstance(module, nn.Embedding) or module.max_norm is not None:
        return None
    key = f"tensor weight {1}"
    if (name, key) not in call.channels.ports:
        call.channels.port(name, key, call.channels.fresh(module.embedding_dim))
    return Lineage(len(call.shape()) - 1, call.channels.ports[name, key].ids)


@rule("scaled_dot_product_attention")
def _attention(call: Call) -> Lineage | None:
    return _by_head(call, [call.arg(i) for i in range(3)], call.node.args[3:])


@rule("matmul")
def _matmul(call: Call) -> Lineage | None:
    return _by_head(call, [call.arg(0), call.arg(1)], ())


def _by_head(call: Call, values: list[object], others: tuple[object, ...]) -> Lineage | None:
    """Products of the last two axes, head by head: the heads of all factors are joined."""
    parts = [call.lineage(value) for value in values]
    ranks = {len(call.shape(value)) for value in values}
    known = [part for part in parts if part is not None]
    if not known:
        return None
    axes = {part.axis for part in known}
    same = len(known) == len(parts) and len(ranks) == len(axes) == 1 and len({len(p.ids) for p in known}) == 1
    if not same or max(axes) >= max(ranks) - 2 or any(call.lineage(value) is not None for value in others):
        return call.give_up("is multiplied over channels with what no layer makes alike")
    for part in known[1:]:
        call.channels.join(known[0].ids, part.ids)
    return known[0]


@rule("lstm", "gru", "rnn_tanh", "rnn_relu")
def _recurrent(call: Call) -> Lineage | None:
    """A unit of the state is one unit in all gates, layers and directions, since they share one size."""
    x, states, weights = call.arg(0), call.arg(1), call.arg(2)
    name, module = call.module(*weights)
    incoming = call.lineage(x)
    states = states if isinstance(states, (list, tuple)) else [states]
    if not isinstance(module, nn.RNNBase) or module.proj_size or any(call.lineage(s) for s in states):
        call.give_up("enters a recurrent layer that is no module of its own")
        return call.give_up("is a state that is passed in", *states)
    channels = call.channels
    if incoming is not None and incoming.axis != len(call.shape(x)) - 1:
        call.give_up("lies beside the axis that a recurrent layer maps", x)
        incoming = None
    enter = incoming.ids if incoming is not None else channels.fresh(module.input_size)
    if incoming is None:
        channels.pin(enter, "network input")
    channels.port(name, "in", enter)
    if (name, "hidden") not in channels.ports:
        channels.port(name, "hidden", channels.fresh(module.hidden_size))
    units = channels.ports[name, "hidden"].ids
    return Lineage(len(call.shape(x)) - 1, np.tile(units, 2 if module.bidirectional else 1))


@rule("_assert_tensor_metadata", "_assert_scalar", "_assert_async")
def _checks(call: Call) -> Lineage | None:
    """What torch.export leaves of `to`: a check of the dtype, which makes nothing and no channel's number."""
    return None
