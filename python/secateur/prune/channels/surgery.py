"""Takes channels out of a network for real: slices parameters, updates the modules' own numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from secateur.prune.channels.groups import ChannelGroup
from secateur.prune.example import Example, twin

Removal = tuple[ChannelGroup, Tensor]  # a group, and which of its units stay


def _gone(removals: Iterable[Removal]) -> dict[tuple[str, str], Tensor]:
    """(module, side) -> indices to remove, sorted."""
    places: dict[tuple[str, str], list[Tensor]] = {}
    for group, keep in removals:
        for side in group.sides:
            places.setdefault((side.module, side.kind), []).append(side.places[~keep[side.units]])
    return {key: torch.cat(parts).sort().values for key, parts in places.items()}


def _slice(module: nn.Module, key: str, axis: int, kept: Tensor) -> None:
    tensor = getattr(module, key, None)
    if not isinstance(tensor, Tensor):
        return
    new = tensor.detach().index_select(axis, kept.to(tensor.device)).clone()
    if isinstance(tensor, nn.Parameter):
        setattr(module, key, nn.Parameter(new, requires_grad=tensor.requires_grad))
    else:
        setattr(module, key, new)


def _kept(width: int, gone: Tensor) -> Tensor:
    stay = torch.ones(width, dtype=torch.bool)
    stay[gone] = False
    return stay.nonzero().flatten()


def _cut_outputs(module: nn.Module, gone: Tensor) -> None:
    if isinstance(module, nn.Linear):
        kept = _kept(module.out_features, gone)
        module.out_features = len(kept)
    else:
        assert isinstance(module, (nn.Conv1d, nn.Conv2d))
        kept = _kept(module.out_channels, gone)
        module.out_channels = len(kept)
    _slice(module, "weight", 0, kept)
    _slice(module, "bias", 0, kept)


def _cut_inputs(module: nn.Module, gone: Tensor) -> None:
    if isinstance(module, nn.Linear):
        kept = _kept(module.in_features, gone)
        module.in_features = len(kept)
        _slice(module, "weight", 1, kept)
        return
    assert isinstance(module, (nn.Conv1d, nn.Conv2d))
    kept = _kept(module.in_channels, gone)
    if module.groups > 1 and module.groups == module.in_channels:
        module.groups = len(kept)
    else:  # the same place goes in every group; the first group tells which
        _slice(module, "weight", 1, kept[kept < module.in_channels // module.groups])
    module.in_channels = len(kept)


def _cut_vector(module: nn.Module, gone: Tensor) -> None:
    if isinstance(module, nn.PReLU):
        kept = _kept(module.num_parameters, gone)
        module.num_parameters = len(kept)
    else:
        assert isinstance(module, nn.modules.batchnorm._BatchNorm)
        kept = _kept(module.num_features, gone)
        module.num_features = len(kept)
    for key in ("weight", "bias", "running_mean", "running_var"):
        _slice(module, key, 0, kept)


def remove_channels(model: nn.Module, removals: Iterable[Removal]) -> None:
    """Remove channels from `model`, in place; classes, names and hooks of its modules stay.

    Parameters that change are new objects, so an optimizer made before must be made anew.
    """
    modules = dict(model.named_modules())
    cuts = {"out": _cut_outputs, "in": _cut_inputs, "vector": _cut_vector}
    for (name, kind), gone in _gone(removals).items():
        if len(gone):
            cuts[kind](modules[name], gone)


def _outputs(model: nn.Module, example: Example) -> list[Tensor]:
    leaves = pytree.tree_leaves(example.call(model))
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def apply_masks(model: nn.Module, masks: dict[str, Tensor]) -> None:
    """Set what the masks drop to zero, in place."""
    parameters: dict[str, Any] = dict(model.named_parameters(remove_duplicate=False))
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name].masked_fill_(~mask.to(parameters[name].device), 0)


def trial(model: nn.Module, removals: list[Removal], example: Example) -> str:
    """Remove channels from a copy and compare it with a copy in which they are masked.

    Returns "" when both compute the same on the example, else what is wrong. The model is not changed.
    The bound, 1e-4 of the largest output (16 roundings in half precision), is far above rounding and far
    below any real mistake.
    """
    masked, smaller = twin(model), twin(model)
    example = example.fitted(model)
    modules = dict(model.named_modules())
    for group, keep in removals:
        apply_masks(masked, group.masks(keep, modules))
    remove_channels(smaller, removals)
    try:
        got = _outputs(smaller, example)
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"its forward holds a fixed width ({first})"
    want = _outputs(masked, example)
    for a, b in zip(got, want, strict=True):
        if a.shape != b.shape:
            return f"the output's shape would change from {tuple(b.shape)} to {tuple(a.shape)}"
        if a.is_floating_point():
            scale = float(b.nan_to_num(posinf=0, neginf=0).abs().max()) if b.numel() else 0.0
            bound = max(1e-4, 16 * torch.finfo(a.dtype).eps) * scale + 1e-6
            if not torch.allclose(a, b, rtol=0, atol=bound, equal_nan=True):
                return "its forward tells channels apart in a way that the trace does not see"
    return ""
