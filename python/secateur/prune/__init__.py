"""Pruning of PyTorch networks: scores, patterns, scopes and schedules, each replaceable.

What comes out is a plain nn.Module whose pruned weights are exact zeros and whose pruned channels are
gone; any compiler can take it. This package knows nothing of secateur's own. Guide: docs/pruning.md.
"""

from secateur.errors import PruningError
from secateur.prune.account import Account, LayerAccount
from secateur.prune.batch_norm import reestimate_batch_norm
from secateur.prune.criteria import BatchNormScale, GeometricMedian, Lamp, Random, Snip, Taylor
from secateur.prune.distill import distillation_loss
from secateur.prune.hold import ZeroHold, hold_zeros
from secateur.prune.imports import import_zeros, make_permanent
from secateur.prune.measured import Measured, grasp, hessian_diagonal, movement
from secateur.prune.oneshot import prune_oneshot
from secateur.prune.page import page, page_table
from secateur.prune.patterns import NM, Block, Channel, Element, Pattern, register_pattern
from secateur.prune.pruner import Pruner
from secateur.prune.recipe import Override, Recipe
from secateur.prune.report import LayerReport, Report, sparsity_of
from secateur.prune.schedules import (
    AcDc,
    Constant,
    Cubic,
    Iterative,
    Linear,
    RigL,
    Schedule,
    register_schedule,
)
from secateur.prune.scopes import Candidate, Global, Scope, Uniform, register_scope
from secateur.prune.scores import L1, L2, Score, Wanda, register_score
from secateur.prune.sensitivity import sensitivity
from secateur.prune.solve import Budget, one_shot
from secateur.prune.sparseml import recipe_from_sparseml
from secateur.prune.storage import load, save

__all__ = [
    "L1",
    "L2",
    "NM",
    "AcDc",
    "Account",
    "BatchNormScale",
    "Block",
    "Budget",
    "Candidate",
    "Channel",
    "Constant",
    "Cubic",
    "Element",
    "GeometricMedian",
    "Global",
    "Iterative",
    "Lamp",
    "LayerAccount",
    "LayerReport",
    "Linear",
    "Measured",
    "Override",
    "Pattern",
    "Pruner",
    "PruningError",
    "Random",
    "Recipe",
    "Report",
    "RigL",
    "Schedule",
    "Scope",
    "Score",
    "Snip",
    "Taylor",
    "Uniform",
    "Wanda",
    "ZeroHold",
    "distillation_loss",
    "grasp",
    "hessian_diagonal",
    "hold_zeros",
    "import_zeros",
    "load",
    "make_permanent",
    "movement",
    "one_shot",
    "page",
    "page_table",
    "prune_oneshot",
    "recipe_from_sparseml",
    "reestimate_batch_norm",
    "register_pattern",
    "register_schedule",
    "register_scope",
    "register_score",
    "save",
    "sensitivity",
    "sparsity_of",
]
