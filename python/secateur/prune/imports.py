"""Zeros that another pruner chose: masks of torch.nn.utils.prune, and those of any state dict."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import prune as torch_prune

from secateur.errors import PruningError
from secateur.prune.example import unwrap
from secateur.prune.weights import find_weights

WRAPPED = ("module.", "_orig_mod.")  # what DistributedDataParallel and torch.compile put before names


def make_permanent(model: nn.Module) -> list[str]:
    """Put the masks of ``torch.nn.utils.prune`` into the weights of `model`: zeros, and no mask any more.

    Returns the full names of the parameters, which are plain ones again and can be pruned further; their
    zeros stay (`keep_zeros`). Raises PruningError where there is no such mask.

    >>> net = nn.Sequential(nn.Linear(4, 4))
    >>> _ = torch_prune.random_unstructured(net[0], "weight", amount=0.5)
    >>> make_permanent(net), int((net[0].weight == 0).sum())
    (['0.weight'], 8)
    """
    done = []
    for name, module in unwrap(model).named_modules():
        for key in [k.removesuffix("_orig") for k in module._parameters if k.endswith("_orig")]:
            if f"{key}_mask" in module._buffers:
                torch_prune.remove(module, key)  # type: ignore[no-untyped-call]
                done.append(f"{name}.{key}" if name else key)
    if not done:
        raise PruningError(f"{type(unwrap(model)).__name__} has no mask of torch.nn.utils.prune")
    return done


def import_zeros(model: nn.Module, source: Mapping[str, Tensor]) -> dict[str, float]:
    """Set to zero what is zero in a state dict of the same network, pruned by whatever means.

    Its other values are not taken. A weight stands in `source` by its name: as a tensor with zeros, as a mask
    (not zero = kept), or as ``torch.nn.utils.prune`` stores it, `NAME_orig` and `NAME_mask`. A tensor of
    zeros alone is passed over. What is zero stays zero when the network is pruned or trained with
    `hold_zeros`.

    Returns the share of zeros of each weight that got some, by name of the layer. Raises PruningError for
    a tensor of another shape, and where no weight of the network has zeros in `source`; the network is then
    as it was.

    >>> net = nn.Linear(2, 2)
    >>> import_zeros(net, {"weight": torch.tensor([[0.0, 3.0], [1.0, 1.0]])})
    {'': 0.25}
    >>> int((net.weight == 0).sum())
    1
    """
    inner = unwrap(model)
    tensors = {_plain(name): tensor for name, tensor in source.items() if isinstance(tensor, Tensor)}
    masks: dict[str, tuple[Tensor, Tensor]] = {}
    for name, weight in find_weights(inner).items():
        parameter = weight.find()
        found = tensors.get(f"{weight.path}_mask", tensors.get(weight.path))
        if found is None or parameter is None or weight.blocked:
            continue
        if found.shape != parameter.shape:
            raise PruningError(
                f"{weight.path!r} is {tuple(found.shape)} in the state, and {tuple(parameter.shape)} in the "
                f"network: take the state of the same network, before channels were taken out"
            )
        keep = found != 0
        if bool(keep.any()) and not bool(keep.all()):
            masks[name] = parameter, keep
    if not masks:
        raise PruningError(
            f"the state has no zeros for the weights of {type(inner).__name__}: its names are like "
            f"{', '.join(map(repr, list(tensors)[:3]))}"
        )
    with torch.no_grad():
        for parameter, keep in masks.values():
            parameter.masked_fill_(~keep.to(parameter.device), 0)
    return {name: 1 - int(keep.sum()) / keep.numel() for name, (_, keep) in masks.items()}


def _plain(name: str) -> str:
    while name.startswith(WRAPPED):
        name = name.partition(".")[2]
    return name
