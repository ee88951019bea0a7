"""Takes channels out of a network for real: slices parameters, updates the modules' own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils.hooks import RemovableHandle

from secateur.prune.channels.groups import ChannelGroup
from secateur.prune.channels.ports import entries
from secateur.prune.example import Example, twin

# The numbers that modules hold of their sides: (class, side, attribute).
NUMBERS: tuple[tuple[type[nn.Module], str, str], ...] = (
    (nn.Linear, "out", "out_features"),
    (nn.Linear, "in", "in_features"),
    (nn.modules.conv._ConvNd, "out", "out_channels"),
    (nn.modules.conv._ConvNd, "in", "in_channels"),
    (nn.PReLU, "vector", "num_parameters"),
    (nn.modules.batchnorm._BatchNorm, "vector", "num_features"),
    (nn.RNNBase, "in", "input_size"),
    (nn.RNNBase, "hidden", "hidden_size"),
    (nn.Embedding, "tensor", "embedding_dim"),
)

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


def _renumber(module: nn.Module, kind: str, gone: int) -> None:
    """Take `gone` channels off the numbers that a module holds of one of its sides."""
    if isinstance(module, nn.LayerNorm):
        module.normalized_shape = (module.normalized_shape[0] - gone,)
        return
    if isinstance(module, nn.MultiheadAttention):
        _narrow_attention(module, gone)
        return
    if isinstance(module, nn.modules.conv._ConvNd) and kind == "in":
        module.groups -= gone if 1 < module.groups == module.in_channels else 0
    for type_, side, key in NUMBERS:
        if side == kind.split()[0] and isinstance(module, type_):
            setattr(module, key, getattr(module, key) - gone)


def _narrow_attention(module: nn.MultiheadAttention, gone: int) -> None:
    """Heads are smaller now, and their products over the root of their size: queries make that good."""
    before = module.head_dim
    module.embed_dim -= gone
    module.kdim = module.vdim = module.embed_dim
    module.head_dim = module.embed_dim // module.num_heads
    with torch.no_grad():
        for tensor in (module.in_proj_weight, module.in_proj_bias):
            if tensor is not None:
                tensor[: module.embed_dim] *= (module.head_dim / before) ** 0.5


def _renumber_heads(modules: dict[str, nn.Module], removals: Iterable[Removal]) -> None:
    """Let the modules whose forward splits channels into heads know how many there are.

    Which of their numbers say so cannot be known, so those are changed that have the value: the number of
    heads where the name says "head", and that of all their channels. A trial tells whether that was right.
    """
    gone: dict[tuple[str, int, int], set[tuple[int, int]]] = {}
    for number, (group, keep) in enumerate(removals):
        for split, units in group.heads:
            lost = {(number, int(unit)) for unit in units if not keep[unit]}
            gone.setdefault((split.module, split.count, split.width), set()).update(lost)
    for (name, count, width), lost in gone.items():
        module, left = modules[name], count - len(lost)
        for key, value in list(vars(module).items()):
            if type(value) is int and value == count and "head" in key:
                setattr(module, key, left)
            elif type(value) is int and value == width and not key.startswith("_"):
                setattr(module, key, left * (width // count))


def remove_channels(model: nn.Module, removals: Iterable[Removal]) -> None:
    """Remove channels from `model`, in place; classes, names and hooks of its modules stay.

    Parameters that change are new objects, so an optimizer made before must be made anew.
    """
    removals = list(removals)
    modules = dict(model.named_modules())
    gone = {key: places for key, places in _gone(removals).items() if len(places)}
    cuts: dict[tuple[str, str, int], list[Tensor]] = {}
    for (name, kind), places in gone.items():
        for key, axis, indices in entries(modules[name], kind, places):
            cuts.setdefault((name, key, axis), []).append(indices)
    for (name, key, axis), parts in cuts.items():
        tensor = getattr(modules[name], key, None)
        if isinstance(tensor, Tensor):
            _slice(modules[name], key, axis, _kept(tensor.shape[axis], torch.cat(parts)))
    for (name, kind), places in gone.items():
        _renumber(modules[name], kind, len(places))
    _renumber_heads(modules, removals)


def _outputs(model: nn.Module, example: Example) -> list[Tensor]:
    leaves = pytree.tree_leaves(example.call(model))
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def apply_masks(model: nn.Module, masks: dict[str, Tensor]) -> None:
    """Set what the masks drop to zero, in place."""
    parameters: dict[str, Any] = dict(model.named_parameters(remove_duplicate=False))
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name].masked_fill_(~mask.to(parameters[name].device), 0)


def narrow_norms(model: nn.Module, removals: Iterable[Removal]) -> list[RemovableHandle]:
    """Let the LayerNorms of a masked network take their moments over what stays, as once it is cut."""
    modules, handles = dict(model.named_modules()), []
    for (name, kind), places in _gone(removals).items():
        module = modules[name]
        if kind == "vector" and isinstance(module, nn.LayerNorm) and len(places):
            hook = _over(_kept(module.normalized_shape[0], places))
            handles.append(module.register_forward_hook(hook))
    return handles


def _over(kept: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    def hook(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        assert isinstance(norm, nn.LayerNorm)
        at = kept.to(output.device)
        weight, bias = (None if v is None else v[at] for v in (norm.weight, norm.bias))
        part = F.layer_norm(inputs[0][..., at], (len(at),), weight, bias, norm.eps)
        return torch.zeros_like(output).index_copy(output.dim() - 1, at, part)

    return hook


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
    narrow_norms(masked, removals)
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
