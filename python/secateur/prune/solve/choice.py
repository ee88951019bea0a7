"""Masks and weights of one layer, as its pattern allows them and its solver finds them."""

from __future__ import annotations

import torch
from torch import Tensor

from secateur.prune.layers import Layer
from secateur.prune.scopes import keep_best, protect_best
from secateur.prune.scores import L1, element_scores
from secateur.prune.solve import solvers
from secateur.prune.solve.problem import Problem
from secateur.prune.targets import LayerTarget


def units_to_keep(one: LayerTarget, scores: Tensor, sizes: Tensor) -> Tensor:
    """Units of one layer to keep at its sparsity, by their scores."""
    if one.pattern.fixed_sparsity is not None:
        return one.pattern.select(scores, one.layer.rows, one.layer.cols, one.sparsity).cpu()
    return keep_best(protect_best(scores), sizes.to(scores.device), one.sparsity).cpu()


def choice(one: LayerTarget, scores: Tensor) -> Tensor:
    """The mask [rows][cols] of one layer from scores of its elements."""
    seen = one.layer.view(scores)
    units = one.pattern.unit_scores(seen, L1())
    keep = units_to_keep(one, units, one.pattern.unit_sizes(*seen.shape))
    return one.layer.unview(one.pattern.expand(keep, *seen.shape)).to(scores.device)


def part_choice(one: LayerTarget, scores: Tensor) -> Tensor:
    """The mask of some columns of one layer, at the sparsity of the whole."""
    units = one.pattern.unit_scores(scores, L1())
    if one.pattern.fixed_sparsity is not None:
        rows, cols = scores.shape
        keep = one.pattern.select(units, rows, cols, one.sparsity)
    else:
        keep = keep_best(units, one.pattern.unit_sizes(*scores.shape), one.sparsity)
    return one.pattern.expand(keep, *scores.shape)


def solve(
    one: LayerTarget, dense: Tensor, gram: Tensor, allowed: Tensor, solver: str
) -> tuple[Tensor, Tensor]:
    """(weights, mask), both [rows][cols], from the dense weights and Gram matrices of all groups."""
    rows, cols = dense.shape[0] * dense.shape[1], dense.shape[2]
    if solver == "sweep" and len(dense) == 1 and not (one.pattern.by_tap and one.layer.weight.taps > 1):
        width = solvers.SWEEP_WIDTH
        swept, mask = solvers.sweep(dense[0], gram[0], lambda s: part_choice(one, s), width)
        return swept * allowed, mask & allowed
    if len(dense) == 1:

        def allowed_choice(scores: Tensor) -> Tensor:
            return choice(one, scores.masked_fill(~allowed, 0)) & allowed

        mask = solvers.admm(dense[0], gram[0], allowed_choice)
        return dense[0] * mask, mask
    # Groups share one threshold: their saliencies decide, w^2 over the diagonal of the inverse.
    inverse = torch.linalg.inv(gram.double()).diagonal(dim1=1, dim2=2).to(dense.dtype)
    saliency = (dense.square() / inverse[:, None]).reshape(rows, cols)
    mask = choice(one, saliency.masked_fill(~allowed, 0)) & allowed
    return dense.reshape(rows, cols) * mask, mask


def mask_scores(one: LayerTarget, weight: Tensor, problem: Problem) -> Tensor:
    if one.score.needs_inputs:
        raw = problem.gram.diagonal(dim1=1, dim2=2)
        raw = raw + problem.inputs.square() if problem.centred else raw
        norms = raw.clamp_min(0).sqrt().to(weight.dtype)
        return weight.abs() * norms.repeat_interleave(len(weight) // len(norms), 0)
    values = element_scores(one.score, one.name, one.layer.parameter())
    return values.reshape(weight.shape)


def write(layer: Layer, matrix: Tensor) -> None:
    parameter = layer.parameter()
    with torch.no_grad():
        parameter.copy_(layer.weight.tensor(matrix).to(parameter.dtype))
