"""Which entries of a module's parameters belong to channels at one of its sides."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

Entry = tuple[str, int, Tensor]  # parameter or buffer, axis, indices along it


def entries(module: nn.Module, kind: str, places: Tensor) -> Iterator[Entry]:
    """What the channels at `places` of a side take up in the module.

    >>> [(key, axis, at.tolist()) for key, axis, at in entries(nn.Linear(4, 8), "out", torch.tensor([2]))]
    [('weight', 0, [2]), ('bias', 0, [2])]
    """
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    if transposed and kind == "in":
        yield "weight", 0, places
    elif kind == "out":
        yield "weight", int(transposed), places
        yield "bias", 0, places
    elif kind == "in":
        yield from _inputs(module, places)
    elif kind == "vector":
        for key in ("weight", "bias", "running_mean", "running_var"):
            yield key, 0, places
    elif kind == "packed":
        assert isinstance(module, nn.MultiheadAttention)
        rows = (torch.arange(3)[:, None] * module.embed_dim + places).flatten()
        yield "in_proj_weight", 0, rows
        yield "in_proj_weight", 1, places
        yield "in_proj_bias", 0, rows
    elif kind == "hidden":
        assert isinstance(module, nn.RNNBase)
        yield from _hidden(module, places)
    else:
        _, key, axis = kind.split()
        yield key, int(axis), places


def _inputs(module: nn.Module, places: Tensor) -> Iterator[Entry]:
    if isinstance(module, nn.RNNBase):
        for key in module._parameters:
            if key in ("weight_ih_l0", "weight_ih_l0_reverse"):
                yield key, 1, places
        return
    weight = module._parameters["weight"]
    assert weight is not None
    if weight.shape[1] == 1 and getattr(module, "groups", 1) > 1:
        return  # depthwise: its filters go with its outputs
    yield "weight", 1, places[places < weight.shape[1]]  # the same place goes in every group


def _hidden(module: nn.RNNBase, units: Tensor) -> Iterator[Entry]:
    """Rows of all gates, columns of the state and of the next layer, in every layer and direction."""
    size, ways = module.hidden_size, 2 if module.bidirectional else 1
    for key, parameter in module._parameters.items():
        assert parameter is not None
        gates = parameter.shape[0] // size
        yield key, 0, (torch.arange(gates)[:, None] * size + units).flatten()
        if key.startswith("weight_hh"):
            yield key, 1, units
        elif key.startswith("weight_ih") and not key.startswith("weight_ih_l0"):
            yield key, 1, (torch.arange(ways)[:, None] * size + units).flatten()
