"""Patterns: which weights are kept or pruned together.

Every pattern sees a weight as a matrix [rows][cols]: rows = output channels, cols = input channels of
the group * kernel positions, the compiler's own view; patterns that are `by_tap` see one kernel position a
row, [positions * output channels][input channels]. A *unit* is what is pruned as one:
an element, a block, a row. Where a block or an N:M group overhangs the matrix it is padded logically:
the part inside is the unit.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from secateur.errors import PruningError
from secateur.prune._spec import Registry, to_table
from secateur.prune.scores import Score


class Pattern(ABC):
    """The shape of what is pruned together."""

    name: str = "custom"
    # Whether a row is one kernel position: [positions * output channels][input channels].
    by_tap: bool = False

    @property
    def fixed_sparsity(self) -> float | None:
        """The sparsity that the pattern itself sets (N:M), or None when the recipe sets it."""
        return None

    @abstractmethod
    def unit_scores(self, elements: Tensor, score: Score) -> Tensor:
        """Scores of the units, [units], from the scores of the elements, [rows][cols]."""

    @abstractmethod
    def unit_sizes(self, rows: int, cols: int) -> Tensor:
        """Weights in each unit, [units], int64."""

    @abstractmethod
    def expand(self, keep: Tensor, rows: int, cols: int) -> Tensor:
        """The mask [rows][cols] (True = kept) from one bool per unit."""

    def select(self, scores: Tensor, rows: int, cols: int, sparsity: float) -> Tensor:
        """Units to keep, [units] bool; only of patterns that have a `fixed_sparsity`."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The table that a recipe file holds for this pattern."""
        return to_table(self.name, self)

    @abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Element(Pattern):
    """Single weights: the most accurate pattern at a given sparsity (Han et al., NeurIPS 2015)."""

    name = "element"

    def unit_scores(self, elements: Tensor, score: Score) -> Tensor:
        return score.finish(elements).reshape(-1)

    def unit_sizes(self, rows: int, cols: int) -> Tensor:
        return torch.ones(rows * cols, dtype=torch.int64)

    def expand(self, keep: Tensor, rows: int, cols: int) -> Tensor:
        return keep.reshape(rows, cols)

    def __str__(self) -> str:
        return "element"


@dataclass(frozen=True)
class Block(Pattern):
    """Blocks of `rows` output channels x `cols` columns.

    `by_tap`: of columns at one kernel position, so that a block is `rows` output x `cols` input channels.
    1x4 by tap is what an instruction that multiplies four bytes at once takes from an int8 weight. Linear
    layers and 1x1 convolutions have one position, and there it says nothing.

    >>> import torch
    >>> from secateur.prune import L1
    >>> matrix = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 2.0]])
    >>> Block(2, 1).unit_scores(matrix, L1())  # the last row of blocks overhangs: one weight each
    tensor([2., 0., 5., 2.])
    >>> Block(2, 1).expand(torch.tensor([True, False, True, False]), 3, 2).int()
    tensor([[1, 0],
            [1, 0],
            [1, 0]], dtype=torch.int32)
    """

    rows: int
    cols: int = 1
    by_tap: bool = False
    name = "block"

    def __post_init__(self) -> None:
        for value in (self.rows, self.cols):
            if not isinstance(value, int) or value < 1:
                raise PruningError(f"block sides must be whole numbers from 1, got {self.rows}x{self.cols}")

    def _grid(self, rows: int, cols: int) -> tuple[int, int]:
        return math.ceil(rows / self.rows), math.ceil(cols / self.cols)

    def _sums(self, matrix: Tensor) -> Tensor:
        rows, cols = matrix.shape
        down, across = self._grid(rows, cols)
        padded = matrix.new_zeros(down * self.rows, across * self.cols)
        padded[:rows, :cols] = matrix
        return padded.reshape(down, self.rows, across, self.cols).sum(dim=(1, 3)).reshape(-1)

    def unit_scores(self, elements: Tensor, score: Score) -> Tensor:
        sizes = self.unit_sizes(*elements.shape).to(elements)
        return score.finish(self._sums(elements) / sizes)

    def unit_sizes(self, rows: int, cols: int) -> Tensor:
        down, across = self._grid(rows, cols)
        heights = torch.full((down,), self.rows)
        heights[-1] = rows - (down - 1) * self.rows
        widths = torch.full((across,), self.cols)
        widths[-1] = cols - (across - 1) * self.cols
        return (heights[:, None] * widths[None, :]).reshape(-1)

    def expand(self, keep: Tensor, rows: int, cols: int) -> Tensor:
        grid = keep.reshape(self._grid(rows, cols))
        tiled = grid.repeat_interleave(self.rows, dim=0).repeat_interleave(self.cols, dim=1)
        return tiled[:rows, :cols].contiguous()

    def __str__(self) -> str:
        return f"{self.rows}x{self.cols}" + (" by tap" if self.by_tap else "")


@dataclass(frozen=True)
class NM(Pattern):
    """N weights kept of every M consecutive input channels (Mishra et al., arXiv 2104.08378, 2021).

    In convolutions of several kernel positions a group lies at one position, as other runtimes read it.

    The sparsity is 1 - n/m. On the way there a schedule passes through (M-1):M, (M-2):M, ... . A last
    group of fewer than M columns keeps at most N of them.

    >>> import torch
    >>> NM(2, 4).select(torch.tensor([1.0, 4.0, 2.0, 3.0]), rows=1, cols=4, sparsity=0.5)
    tensor([False,  True, False,  True])
    """

    n: int
    m: int
    name = "nm"
    by_tap: ClassVar[bool] = True  # type: ignore[misc]

    def __post_init__(self) -> None:
        if not (isinstance(self.n, int) and isinstance(self.m, int) and 1 <= self.n < self.m):
            raise PruningError(f"N:M needs whole numbers with 1 <= N < M, got {self.n}:{self.m}")

    @property
    def fixed_sparsity(self) -> float | None:
        return 1.0 - self.n / self.m

    def unit_scores(self, elements: Tensor, score: Score) -> Tensor:
        return score.finish(elements).reshape(-1)

    def unit_sizes(self, rows: int, cols: int) -> Tensor:
        return torch.ones(rows * cols, dtype=torch.int64)

    def expand(self, keep: Tensor, rows: int, cols: int) -> Tensor:
        return keep.reshape(rows, cols)

    def select(self, scores: Tensor, rows: int, cols: int, sparsity: float) -> Tensor:
        kept = max(self.n, math.ceil(self.m * (1.0 - sparsity) - 1e-9))
        groups = math.ceil(cols / self.m)
        padded = scores.new_full((rows, groups * self.m), -math.inf)
        padded[:, :cols] = scores.reshape(rows, cols)
        order = padded.reshape(rows, groups, self.m).argsort(dim=2, descending=True, stable=True)
        keep = torch.zeros_like(order, dtype=torch.bool).scatter_(2, order[:, :, :kept], True)
        return keep.reshape(rows, groups * self.m)[:, :cols].reshape(-1)

    def __str__(self) -> str:
        return f"{self.n}:{self.m}"


@dataclass(frozen=True)
class Channel(Pattern):
    """Whole output channels, taken out of the network for real (Li et al., ICLR 2017).

    Channels that are tied together by residual adds, depthwise layers and the like go together
    (Fang et al., "DepGraph", CVPR 2023). What remains is rounded to a multiple of `round_to`, which kernels
    like, or of the largest divisor of it that is at most an eighth of the layer, so that rounding moves no
    layer by more than a sixteenth of its channels; `round_to=1` turns it off. A channel is scored by the
    weights that make it and, with `sides="both"`, as much by those that read it.
    """

    round_to: int = 8
    sides: str = "both"
    name = "channel"

    def __post_init__(self) -> None:
        if not isinstance(self.round_to, int) or self.round_to < 1:
            raise PruningError(f"round_to must be a whole number from 1, got {self.round_to!r}")
        if self.sides not in ("both", "producers"):
            raise PruningError(f"sides must be 'both' or 'producers', got {self.sides!r}")

    def unit_scores(self, elements: Tensor, score: Score) -> Tensor:
        return score.finish(elements.mean(dim=1))

    def unit_sizes(self, rows: int, cols: int) -> Tensor:
        return torch.full((rows,), cols)

    def expand(self, keep: Tensor, rows: int, cols: int) -> Tensor:
        return keep[:, None].expand(rows, cols).contiguous()

    def __str__(self) -> str:
        return "channel"


_PATTERNS: Registry[Pattern] = Registry("pattern", Pattern)
_PATTERNS.register("element", Element)
_PATTERNS.register("block", Block)
_PATTERNS.register("nm", NM)
_PATTERNS.register("channel", Channel)


def register_pattern(name: str, pattern: type[Pattern]) -> None:
    """Give a pattern class a name that recipes can use."""
    _PATTERNS.register(name, pattern)


def parse_pattern(spec: object, field: str = "pattern") -> Pattern:
    """A pattern from its short form, a table, or a Pattern. Raises PruningError naming `field`.

    >>> str(parse_pattern("4x1")), parse_pattern("2:4")
    ('4x1', NM(n=2, m=4))
    >>> parse_pattern("1x4 by tap")
    Block(rows=1, cols=4, by_tap=True)
    >>> parse_pattern({"name": "channel", "round_to": 4})
    Channel(round_to=4, sides='both')
    """
    if isinstance(spec, str):
        if match := re.fullmatch(r"(\d+)x(\d+)( by tap)?", spec.strip()):
            rows, cols, by_tap = int(match[1]), int(match[2]), bool(match[3])
            return _PATTERNS.make("block", {"rows": rows, "cols": cols, "by_tap": by_tap}, field)
        if match := re.fullmatch(r"(\d+):(\d+)", spec.strip()):
            return _PATTERNS.make("nm", {"n": int(match[1]), "m": int(match[2])}, field)
        if spec not in _PATTERNS.names():
            raise PruningError(
                f"{field}: {spec!r} is no pattern; write 'element', 'channel', a block such as '4x1' "
                f"(rows x cols; '1x4 by tap': of input channels) or N:M such as '2:4'"
            )
    return _PATTERNS.parse(spec, field)
