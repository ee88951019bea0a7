"""Pruning without training: layer by layer, each fitted to what the dense network computes.

`walk` runs a network operator by operator over all calibration batches, dense and pruned side by side;
`problem` gathers a layer's least-squares problem; `solvers` choose masks and weights for it; `allocate`
shares a budget out over layers by their error curves; `one_shot` is the call.
"""

from secateur.prune.solve.allocate import allocate, erk
from secateur.prune.solve.budget import Budget, Option, choose_options
from secateur.prune.solve.one_shot import one_shot
from secateur.prune.solve.solvers import admm, refit, sweep

__all__ = ["Budget", "Option", "admm", "allocate", "choose_options", "erk", "one_shot", "refit", "sweep"]
