"""Scores: how much each weight matters. The lowest scores are pruned first.

A score gives a value to every element of the weight matrix [rows][cols] (rows = output channels,
cols = input channels of the group * kernel height * kernel width). A pattern then averages the
elements of each of its units (block, channel) and hands the mean to `finish`, so that units of
different size compare. Magnitude: Han et al., "Learning both weights and connections", NeurIPS 2015;
filter norms: Li et al., "Pruning filters for efficient ConvNets", ICLR 2017.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from secateur.errors import PruningError
from secateur.prune._spec import Registry, to_table

ScoreFunction = Callable[[Tensor, str], Tensor]


class Score(ABC):
    """The importance of weights. Subclass it, or pass a plain function ``f(matrix, layer_name)``."""

    name: str = "custom"
    needs_inputs: ClassVar[bool] = False  # whether `one_shot` must give it the norms of the layer's inputs
    of_norms: ClassVar[bool] = False  # whether it looks at a channel's batch norms, not at its weights

    @abstractmethod
    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        """One value per weight, higher is kept longer.

        `matrix`: the detached weight as float [rows][cols]; `layer`: the module's name;
        `parameter`: the live weight, whose ``.grad`` a gradient score may read (of a transposed
        convolution a stand-in, whose rows are output channels too). Returns [rows][cols].
        """

    def finish(self, mean: Tensor) -> Tensor:
        """From the mean of a unit's elements to its score. Must rise with `mean`."""
        return mean

    def to_dict(self) -> dict[str, Any]:
        """The table that a recipe file holds for this score."""
        return to_table(self.name, self)


@dataclass(frozen=True)
class L1(Score):
    """Mean absolute weight of a unit; for single elements, |w|.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.tensor([[3.0, -4.0]]))
    >>> L1().elements(weight.detach(), "fc", weight)
    tensor([[3., 4.]])
    """

    name = "l1"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        return matrix.abs()


@dataclass(frozen=True)
class L2(Score):
    """Root mean square weight of a unit: the L2 norm over the square root of the unit's size.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.tensor([[3.0, -4.0]]))
    >>> elements = L2().elements(weight.detach(), "fc", weight)
    >>> round(float(L2().finish(elements.mean())), 4)  # sqrt(25 / 2)
    3.5355
    """

    name = "l2"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        return matrix.square()

    def finish(self, mean: Tensor) -> Tensor:
        return mean.sqrt()


@dataclass(frozen=True)
class Wanda(Score):
    """|w| times the norm of its input over the calibration data: for `one_shot` alone.

    Sun et al., "A simple and effective pruning approach for large language models", ICLR 2024.
    """

    name = "wanda"
    needs_inputs: ClassVar[bool] = True

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        raise PruningError(
            f"layer {layer!r}: the score 'wanda' needs the layer's inputs; use one_shot(..., solver='mask')"
        )


@dataclass(frozen=True)
class FunctionScore(Score):
    """A score from a function ``f(matrix, layer_name) -> [rows][cols]``.

    A recipe that holds one cannot be written to a file unless the function was registered by
    `register_score`.
    """

    function: ScoreFunction
    name: str = "custom"

    def elements(self, matrix: Tensor, layer: str, parameter: nn.Parameter) -> Tensor:
        values = self.function(matrix, layer)
        if values.shape != matrix.shape:
            raise PruningError(
                f"layer {layer!r}: the score {self.name!r} returned shape {tuple(values.shape)}, "
                f"it must return one value per weight, {tuple(matrix.shape)}"
            )
        return values

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name}


_SCORES: Registry[Score] = Registry("score", Score)
_SCORES.register("l1", L1)
_SCORES.register("l2", L2)
_SCORES.register("wanda", Wanda)


def register_score(name: str, score: type[Score] | ScoreFunction) -> None:
    """Give a score class or function a name that recipes can use.

    >>> register_score("closest_to_one", lambda matrix, layer: -(matrix - 1).abs())
    >>> parse_score("closest_to_one").name
    'closest_to_one'
    """
    if isinstance(score, type):
        _SCORES.register(name, score)
    else:
        _SCORES.register(name, lambda: FunctionScore(score, name))


def parse_score(spec: object, field: str = "score") -> Score:
    """A score from its name, a table, a Score, or a function. Raises PruningError naming `field`."""
    if callable(spec) and not isinstance(spec, (Score, type)):
        return FunctionScore(spec)
    return _SCORES.parse(spec, field)


def element_scores(score: Score, layer: str, parameter: nn.Parameter) -> Tensor:
    """`score` of every weight of `layer`, [rows][cols], of a weight whose first axis are its rows.

    Raises PruningError for NaN or infinite weights or scores.

    >>> import torch
    >>> element_scores(L1(), "stem", torch.nn.Conv2d(3, 8, 5).weight).shape
    torch.Size([8, 75])
    """
    matrix = parameter.detach().reshape(parameter.shape[0], -1)
    matrix = matrix if matrix.dtype == torch.float64 else matrix.float()
    if not bool(torch.isfinite(matrix).all()):
        raise PruningError(
            f"layer {layer!r}: its weight holds NaN or infinity, which cannot be ranked; "
            f"training has diverged (lower the learning rate), or skip the layer"
        )
    with torch.no_grad():
        values = score.elements(matrix, layer, parameter)
    if bool(torch.isnan(values).any()):
        raise PruningError(f"layer {layer!r}: the score {score.name!r} gave NaN; correct the score")
    return values
