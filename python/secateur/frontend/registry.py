"""The table of ATen operators that the frontend takes, and how a handler reads its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from secateur.frontend.axes import Tensor

if TYPE_CHECKING:
    from secateur.frontend.builder import Builder


class Unsupported(Exception):  # noqa: N818 - a fact about the source, not a failure
    """Raised by a handler: this use of the operator cannot be compiled, and why. Collected, never seen by
    users."""


@dataclass(frozen=True)
class Scores:
    """``q k^T`` on its way through scale, mask and softmax to ``@ v``: one Attention operator in the end."""

    q: Tensor
    k: Tensor
    shape: tuple[int, ...]
    scale: float = 1.0
    mask: torch.Tensor | None = None
    normalised: bool = False


class Args:
    """The bound arguments of one call, by the names of its schema."""

    def __init__(self, target: str, bound: dict[str, Any]) -> None:
        self.target = target
        self.bound = bound

    def get(self, name: str, default: Any = None) -> Any:
        return self.bound.get(name, default)

    def tensor(self, name: str) -> Tensor:
        value = self.bound.get(name)
        if isinstance(value, Scores):
            raise Unsupported("a product of two computed tensors is taken in softmax(q @ k^T) @ v only")
        if not isinstance(value, Tensor):
            raise Unsupported(f"the argument {name!r} must be computed from the inputs")
        return value

    def tensors(self, name: str) -> list[Any]:
        values = list(self.bound[name])
        if any(isinstance(value, Scores) for value in values):
            raise Unsupported("a product of two computed tensors is taken in softmax(q @ k^T) @ v only")
        return values

    def const(self, name: str) -> torch.Tensor:
        value = self.bound.get(name)
        if not isinstance(value, torch.Tensor):
            raise Unsupported(f"the argument {name!r} must be a constant")
        return value

    def maybe_const(self, name: str) -> torch.Tensor | None:
        return None if self.bound.get(name) is None else self.const(name)

    def ints(self, name: str, count: int | None = None) -> list[int]:
        value = self.bound.get(name)
        out = [value] if isinstance(value, int) else [int(v) for v in value or []]
        if count is not None and len(out) == 1:
            out *= count
        return out

    def number(self, name: str) -> float:
        value = self.bound[name]
        if not isinstance(value, (int, float)):
            raise Unsupported(f"the argument {name!r} must be a number")
        return float(value)


Handler = Callable[["Builder", Args], Any]
HANDLERS: dict[str, Handler] = {}


def handles(*targets: str) -> Callable[[Handler], Handler]:
    """Registers a handler for ATen overloads, named ``op.overload``."""

    def register(handler: Handler) -> Handler:
        for target in targets:
            assert target not in HANDLERS, target
            HANDLERS[target] = handler
        return handler

    return register
