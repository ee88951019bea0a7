"""Transposed convolutions: their weights have input channels first."""

from __future__ import annotations

from torch import nn

from secateur.prune.channels.lineage import Lineage
from secateur.prune.channels.rules import Call, rule


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _transposed(call: Call) -> Lineage | None:
    x = call.arg(0)
    name, module = call.module(call.arg(1))
    incoming = call.lineage(x)
    if not isinstance(module, nn.modules.conv._ConvTransposeNd) or module.groups > 1:
        return call.give_up("enters a transposed convolution of several groups, or no module of its own")
    if len(call.shape(x)) != module.weight.dim() or (incoming is not None and incoming.axis != 1):
        return call.give_up("lies along an axis that a convolution slides over")
    channels = call.channels
    enter = incoming.ids if incoming is not None else channels.fresh(module.in_channels)
    if incoming is None:
        channels.pin(enter, "network input")
    channels.port(name, "in", enter)
    if (name, "out") not in channels.ports:
        channels.port(name, "out", channels.fresh(module.out_channels))
    return Lineage(1, channels.ports[name, "out"].ids)
