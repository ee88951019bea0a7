"""Batch norms after pruning: their statistics measured again on data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from secateur.errors import PruningError
from secateur.prune.example import Example, unwrap


def reestimate_batch_norm(model: nn.Module, batches: Iterable[Any]) -> int:
    """Set the running means and variances of every batch norm from `batches`; returns how many there are.

    Pruning changes what a layer's outputs average to; the statistics of the dense network no longer fit,
    and in a network pruned without training they alone can cost most of the accuracy. Weights are not
    touched, labels are not needed; some hundred inputs in batches of 32 or more do.

    The moments of all batches are joined exactly: mean of means, and mean of squares less the square of
    the mean (Wu & Johnson, *Rethinking "batch" in batch norm*, arXiv 2105.07576, section 3). Everything but
    the batch norms runs in eval mode; modes are put back.

    batches: tensors, tuples of arguments of forward, or mappings from names of arguments.

    Raises PruningError for a model without such layers, for no batch, and for statistics that are not
    finite; the model then has its old statistics.

    >>> model = nn.Sequential(nn.BatchNorm1d(1))
    >>> reestimate_batch_norm(model, [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])])
    1
    >>> model[0].running_mean, model[0].running_var
    (tensor([4.]), tensor([6.]))
    """
    inner = unwrap(model)
    norms = {
        name: module
        for name, module in inner.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None
    }
    if not norms:
        raise PruningError(f"{type(inner).__name__} has no batch norm with running statistics")
    modes = {module: module.training for module in inner.modules()}
    momenta = {name: norm.momentum for name, norm in norms.items()}
    old = {name: _statistics(norm) for name, norm in norms.items()}
    sums: dict[str, list[Tensor]] = {}
    used: set[str] = set()
    hooks = [norm.register_forward_hook(_noting(name, used)) for name, norm in norms.items()]
    count, done = 0, False
    inner.eval()
    try:
        for norm in norms.values():
            norm.train()
            norm.momentum = 1.0  # the running statistics are those of the last batch
        for batch in batches:
            used.clear()
            Example.of(batch, inner).fitted(inner).call(inner)
            count += 1
            for name in used:
                mean, variance = (value.double() for value in _statistics(norms[name]))
                part = [mean, variance + mean.square(), torch.ones((), dtype=torch.float64)]
                sums[name] = [a + b for a, b in zip(sums[name], part, strict=True)] if name in sums else part
        if count == 0:
            raise PruningError("batch norms are measured on data, and there was no batch")
        for name, (means, squares, times) in sums.items():
            mean = means / times
            variance = squares / times - mean.square()
            if not bool(torch.isfinite(mean).all() and torch.isfinite(variance).all()):
                raise PruningError(f"batch norm {name!r}: its inputs hold NaN or infinity on these batches")
            _set(norms[name], mean, variance)
        done = True
    finally:
        for hook in hooks:
            hook.remove()
        for name, norm in norms.items():
            norm.momentum = momenta[name]
            if not done or name not in sums:
                _set(norm, *old[name])
        for module, mode in modes.items():
            module.training = mode
    return len(sums)


def _statistics(norm: nn.modules.batchnorm._BatchNorm) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean.clone(), norm.running_var.clone()


def _set(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, variance: Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)


def _noting(name: str, used: set[str]) -> Any:
    def note(*_: object) -> None:
        used.add(name)

    return note
