"""Scores that are measured while a loss is computed: movement, GraSP, and the diagonal of the Hessian.

Each is a `Score` that holds a value for every weight by its name; give it to a recipe. A recipe file cannot
hold one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from secateur.errors import PruningError
from secateur.prune.example import unwrap
from secateur.prune.scores import Score
from secateur.prune.weights import Weight, find_weights

Loss = Callable[[Any], Tensor]  # of a batch


class Measured(Score):
    """A value for every weight, by the weight's name; the lowest go first."""

    def __init__(self, name: str, values: dict[str, Tensor]) -> None:
        self.name = name
        self.values = values

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        values = self.values.get(layer)
        if values is None or values.numel() != matrix.numel():
            state = "has no values of it" if values is None else f"has values of shape {tuple(values.shape)}"
            raise PruningError(
                f"layer {layer!r}: the score {self.name!r} {state}; measure it on this network"
            )
        return values.reshape(matrix.shape).to(matrix)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name}


def _weights(model: nn.Module) -> list[tuple[Weight, nn.Parameter]]:
    found = []
    for weight in find_weights(unwrap(model)).values():
        parameter = weight.find()
        if not weight.blocked and isinstance(parameter, nn.Parameter) and parameter.requires_grad:
            found.append((weight, parameter))
    if not found:
        raise PruningError(f"{type(unwrap(model)).__name__} has no weight that a loss could move")
    return found


@contextmanager
def movement(model: nn.Module) -> Iterator[Measured]:
    """Within the block every backward pass adds -w * dL/dw: positive where training moves away from zero.

    Sanh et al., *Movement pruning: adaptive sparsity by fine-tuning*, NeurIPS 2020, equation 3. For networks
    that are fine-tuned on another task than they were trained for, where magnitudes speak of the old one.

    >>> layer = nn.Linear(2, 1, bias=False)
    >>> _ = layer.weight.data.copy_(torch.tensor([[2.0, 3.0]]))
    >>> with movement(layer) as score:
    ...     layer(torch.tensor([[1.0, -1.0]])).sum().backward()
    >>> score.values[""]
    tensor([[-2.,  3.]])
    """
    score = Measured("movement", {})
    handles = []
    for weight, parameter in _weights(model):
        score.values[weight.name] = torch.zeros_like(weight.matrix(parameter.detach()), dtype=torch.float32)

        def add(gradient: Tensor, weight: Weight = weight, parameter: nn.Parameter = parameter) -> None:
            moved = weight.matrix(gradient.detach() * parameter.detach()).float()
            score.values[weight.name] -= moved.to(score.values[weight.name].device)

        handles.append(parameter.register_hook(add))  # type: ignore[no-untyped-call]
    try:
        yield score
    finally:
        for handle in handles:
            handle.remove()


def grasp(model: nn.Module, loss: Loss, batches: Iterable[Any]) -> Measured:
    """w * (H g): how much of the gradient's norm goes with a weight; what would raise it most goes first.

    Wang et al., *Picking winning tickets before training by preserving gradient flow*, ICLR 2020, equation 8
    with its sign turned. `loss` gives the mean loss of a batch; gradients and products with the Hessian are
    summed over batches, g over all of them first.

    Raises PruningError where there is no batch, or the loss gives NaN.
    """
    weights, held = _weights(model), list(batches)
    parameters = [parameter for _, parameter in weights]
    gradient = _summed(parameters, held, lambda batch: _gradients(loss(batch), parameters))
    products = _summed(parameters, held, lambda batch: _product(loss(batch), parameters, gradient))
    values = [p.detach() * hg for p, hg in zip(parameters, products, strict=True)]
    return _measured("grasp", weights, values)


def hessian_diagonal(
    model: nn.Module, loss: Loss, batches: Iterable[Any], *, probes: int = 16, seed: int = 0
) -> Measured:
    """h w^2 / 2, with h the diagonal of the loss's Hessian: what the loss rises by when the weight goes.

    LeCun et al., *Optimal brain damage*, NeurIPS 1989. The diagonal is estimated as the mean of z * (H z)
    over `probes` random vectors z of signs (Bekas et al., *An estimator for the diagonal of a matrix*, 2007);
    their errors fall as one over the root of the number of probes.

    Raises PruningError where there is no batch, or the loss gives NaN.

    >>> layer = nn.Linear(2, 1, bias=False)
    >>> _ = layer.weight.data.copy_(torch.tensor([[2.0, 3.0]]))
    >>> score = hessian_diagonal(layer, lambda x: layer(x).square().sum() / 2, [torch.tensor([[1.0, 0.0]])])
    >>> score.values[""]
    tensor([[2., 0.]])
    """
    if probes < 1:
        raise PruningError(f"probes must be a whole number from 1, got {probes!r}")
    weights, held = _weights(model), list(batches)
    parameters = [parameter for _, parameter in weights]
    generator = torch.Generator().manual_seed(seed)
    diagonal = [torch.zeros_like(p) for p in parameters]
    for _ in range(probes):
        signs = [torch.randint(2, p.shape, generator=generator).to(p) * 2 - 1 for p in parameters]
        along = functools.partial(_product, parameters=parameters, vectors=signs)
        products = _summed(parameters, held, lambda batch, of=along: of(loss(batch)))  # type: ignore[misc]
        for total, z, product in zip(diagonal, signs, products, strict=True):
            total += z * product / probes
    values = [h * p.detach().square() / 2 for h, p in zip(diagonal, parameters, strict=True)]
    return _measured("hessian_diagonal", weights, values)


def _gradients(loss: Tensor, parameters: list[nn.Parameter], *, graph: bool = False) -> list[Tensor]:
    found = torch.autograd.grad(loss, parameters, create_graph=graph, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


def _product(loss: Tensor, parameters: list[nn.Parameter], vectors: list[Tensor]) -> list[Tensor]:
    """The Hessian times a vector: the gradient of the gradient's inner product with it."""
    gradients = _gradients(loss, parameters, graph=True)
    inner = sum(((g * v).sum() for g, v in zip(gradients, vectors, strict=True)), torch.zeros(()))
    if not inner.requires_grad:  # a loss that is linear in all weights
        return [torch.zeros_like(p) for p in parameters]
    return _gradients(inner, parameters)


def _summed(
    parameters: list[nn.Parameter], batches: list[Any], of: Callable[[Any], list[Tensor]]
) -> list[Tensor]:
    if not batches:
        raise PruningError("the score is measured on data, and there was no batch")
    total = [torch.zeros_like(p) for p in parameters]
    for batch in batches:
        for at, part in zip(total, of(batch), strict=True):
            at += part.detach()
    return total


def _measured(name: str, weights: list[tuple[Weight, nn.Parameter]], values: list[Tensor]) -> Measured:
    table = {}
    for (weight, _), value in zip(weights, values, strict=True):
        if not bool(torch.isfinite(value).all()):
            raise PruningError(f"layer {weight.name!r}: {name} is not finite there; look at the loss")
        table[weight.name] = weight.matrix(value.detach())
    return Measured(name, table)
