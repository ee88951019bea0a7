"""Masks and weights of one layer for a quadratic error.

All of them minimise E(W) = tr((W - V) H (W - V)^T), where V [rows][cols] are the best dense weights and
H [cols][cols] is the Gram matrix of the layer's inputs: E is the squared error of the layer's outputs.
What may be kept is asked of a function `choose`, from the scores of a matrix to its mask (True = kept).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Choose = Callable[[Tensor], Tensor]
SWEEP_WIDTH = 128  # columns whose mask is chosen at once, as published
ADMM_ROUNDS = 60
# Penalty at first, and its growth by how many kept weights changed in three rounds (as published).
ADMM_PENALTY = 0.1
ADMM_GROWTH = ((0.1, 1.3), (0.005, 1.2), (0.0, 1.1))


def error(weight: Tensor, dense: Tensor, gram: Tensor) -> float:
    """E(weight) over the energy of the dense outputs, E(0)."""
    off = (weight - dense).double()
    gram = gram.double()
    energy = float(((dense.double() @ gram) * dense.double()).sum())
    return float(((off @ gram) * off).sum()) / energy if energy > 0 else 0.0


def inverse_factor(gram: Tensor) -> Tensor:
    """Upper U with U^T U = gram^-1: row j past the diagonal says how column j's error is made good."""
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram.double()))
    upper: Tensor = torch.linalg.cholesky(inverse, upper=True)
    return upper.to(gram.dtype)


def sweep(weight: Tensor, gram: Tensor, choose: Choose, width: int = SWEEP_WIDTH) -> tuple[Tensor, Tensor]:
    """(weights, mask) by one sweep over columns: each weight that goes is made good by those to its right.

    Frantar & Alistarh, *SparseGPT*, ICML 2023, algorithm 1: the mask of `width` columns is chosen when
    the sweep reaches them, by w^2 / U_jj^2, what removing the weight alone would cost.

    >>> gram = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    >>> sweep(torch.tensor([[1.0, 3.0]]), gram, lambda scores: scores > scores.min())[0]
    tensor([[0.0000, 3.5000]])
    """
    factor = inverse_factor(gram)
    weight, masks = weight.clone(), []
    cols = weight.shape[1]
    for start in range(0, cols, width):
        end = min(start + width, cols)
        part, upper = weight[:, start:end].clone(), factor[start:end, start:end]
        mask = choose(part.square() / upper.diagonal().square())
        errors = torch.zeros_like(part)
        for col in range(end - start):
            gone = part[:, col].masked_fill(mask[:, col], 0) / upper[col, col]
            part[:, col:] -= gone[:, None] * upper[col, col:]
            errors[:, col] = gone
        weight[:, start:end] = part.masked_fill(~mask, 0)
        weight[:, end:] -= errors @ factor[start:end, end:]
        masks.append(mask)
    return weight, torch.cat(masks, dim=1)


def admm(dense: Tensor, gram: Tensor, choose: Choose, rounds: int = ADMM_ROUNDS) -> Tensor:
    """The mask by alternating directions: a dense and a pruned copy of the weights are pulled together.

    Meng et al., *ALPS: improved optimization for highly sparse one-shot pruning*, NeurIPS 2024: columns
    are scaled to unit norm; the penalty grows while the mask changes, and when it stands still the mask is
    taken. Any pattern will do, as the pruned copy is just a choice of the largest units.
    """
    scale = gram.diagonal().clamp_min(1e-30).sqrt()
    values, vectors = torch.linalg.eigh((gram / scale[:, None] / scale).double())
    values, vectors = values.clamp_min(0).to(dense.dtype), vectors.to(dense.dtype)
    scaled = dense * scale
    pull = ((scaled @ vectors) * values) @ vectors.T
    mask = choose(scaled.square())
    pruned, dual, penalty = scaled * mask, torch.zeros_like(scaled), ADMM_PENALTY
    before = mask
    for step in range(rounds):
        free = (((pull - dual + penalty * pruned) @ vectors) / (values + penalty)) @ vectors.T
        mask = choose((free + dual / penalty).square())
        pruned = (free + dual / penalty) * mask
        dual = dual + penalty * (free - pruned)
        if step % 3 == 2:
            changed = float((mask != before).sum()) / max(int(mask.sum()), 1)
            if changed == 0:
                break
            penalty *= next(growth for share, growth in ADMM_GROWTH if changed > share)
            before = mask
    return mask


def refit(dense: Tensor, gram: Tensor, mask: Tensor) -> Tensor:
    """The weights that minimise E with zeros off the mask: one Cholesky solution a row, in float64.

    Where more than half of a row stays it is solved for what goes, w = v - H^-1[:, S] (H^-1[S, S])^-1 v[S]
    (Hassibi & Stork, *Second order derivatives for network pruning*, 1993, for a set S at once).

    >>> gram = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    >>> refit(torch.tensor([[1.0, 3.0]]), gram, torch.tensor([[False, True]]))
    tensor([[0.0000, 3.5000]])
    """
    gram, dense_d = gram.double(), dense.double()
    counts = mask.sum(1)
    few = counts * 2 <= mask.shape[1]  # solve for what stays, or for what goes
    fitted = dense_d * mask
    if bool(few.any()):
        right = dense_d @ gram
        for row in few.nonzero().flatten().tolist():
            kept = mask[row].nonzero().flatten()
            if len(kept):
                fitted[row, kept] = _solution(gram, kept, right[row])
    if bool((~few).any()):
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        for row in (~few & (counts < mask.shape[1])).nonzero().flatten().tolist():
            gone = (~mask[row]).nonzero().flatten()
            push = _solution(inverse, gone, dense_d[row])
            fitted[row] = (dense_d[row] - push @ inverse[gone]) * mask[row]
    return fitted.to(dense.dtype)


def _solution(matrix: Tensor, places: Tensor, right: Tensor) -> Tensor:
    """x with matrix[places, places] x = right[places]."""
    factor = torch.linalg.cholesky(matrix.index_select(0, places).index_select(1, places))
    return torch.cholesky_solve(right[places, None], factor)[:, 0]
