"""nn.MultiheadAttention: its width is that of its inputs, its outputs and all its heads together.

So a channel of its inputs goes with its outputs' channel, with one of each head, and with what queries, keys
and values hold there.
"""

from __future__ import annotations

from torch import nn

from secateur.prune.channels.lineage import Lineage
from secateur.prune.channels.rules import RULES, Call, rule

_plain = RULES["linear"]


@rule("linear")
def _linear(call: Call) -> Lineage | None:
    name, module = call.module(call.arg(1))
    if isinstance(module, nn.MultiheadAttention):
        return _packed(call, name, module)
    parent, _, key = name.rpartition(".")
    if key == "out_proj" and (parent, "packed") in call.channels.ports:
        return _projected(call, name, parent)
    return _plain(call)


def _packed(call: Call, name: str, module: nn.MultiheadAttention) -> Lineage | None:
    lineage, width, heads = call.lineage(call.arg(0)), module.embed_dim, module.num_heads
    if lineage is None:
        return None
    last = len(call.shape(call.arg(0))) - 1
    whole = module._qkv_same_embed_dim and module.bias_k is None
    if not whole or lineage.axis != last or call.shape()[-1] != 3 * width:
        return call.give_up("enters attention that is not of itself")
    channels = call.channels
    ids = channels.fresh(width)
    by_head = ids.reshape(heads, -1)
    for other in by_head[1:]:
        channels.join(by_head[0], other)
    channels.join(lineage.ids, ids)
    channels.port(name, "packed", ids)
    return None  # followed again behind the projection of all heads


def _projected(call: Call, name: str, parent: str) -> Lineage | None:
    channels = call.channels
    ids = channels.ports[parent, "packed"].ids
    channels.port(name, "in", ids)
    if (name, "out") not in channels.ports:
        channels.port(name, "out", channels.fresh(len(ids)))
    leave = channels.ports[name, "out"].ids
    channels.join(ids, leave)
    return Lineage(len(call.shape()) - 1, leave)
