"""The table of ATen operators that the frontend takes, and how a reader sees the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.rows import materialise
from secateur.lowering.scores import ELSEWHERE, Scores
from secateur.lowering.unsupported import Unsupported, UnsupportedForm


class Constants:
    """Torch constants as arrays: booleans stay, all others become float32. One array for one tensor."""

    def __init__(self) -> None:
        self._arrays: dict[int, tuple[torch.Tensor, NDArray[Any]]] = {}  # the tensor keeps its id taken

    def __call__(self, tensor: torch.Tensor) -> NDArray[Any]:
        key = id(tensor)
        if key not in self._arrays:
            dtype = torch.bool if tensor.dtype == torch.bool else torch.float32
            array = np.ascontiguousarray(tensor.detach().to(dtype).cpu().numpy()).reshape(tensor.shape)
            self._arrays[key] = (tensor, array)
        return self._arrays[key][1]


class Args:
    """The bound arguments of one call, by the names of its schema; constants come as NumPy arrays."""

    def __init__(self, b: Builder, target: str, bound: dict[str, Any], constants: Constants) -> None:
        self._builder = b
        self.target = target
        self._bound = bound
        self._constants = constants

    def _converted(self, value: Any) -> Any:
        return self._constants(value) if isinstance(value, torch.Tensor) else value

    def get(self, name: str, default: Any = None) -> Any:
        return self._converted(self._bound.get(name, default))

    def tensor(self, name: str) -> Tensor:
        """A tensor computed from the inputs."""
        value = self._bound.get(name)
        if isinstance(value, Scores) and self._builder.escape:
            return materialise(self._builder, value)
        if isinstance(value, Scores):
            raise UnsupportedForm(ELSEWHERE)
        if not isinstance(value, Tensor):
            raise UnsupportedForm(f"the argument {name!r} must be computed from the inputs")
        return value

    def tensor_or_scores(self, name: str) -> Tensor | Scores:
        value = self._bound.get(name)
        return value if isinstance(value, Scores) else self.tensor(name)

    def tensors(self, name: str) -> list[Any]:
        """A list of computed tensors and constants."""
        values = list(self._bound[name])
        if self._builder.escape:
            values = [materialise(self._builder, v) if isinstance(v, Scores) else v for v in values]
        if any(isinstance(value, Scores) for value in values):
            raise UnsupportedForm(ELSEWHERE)
        return [self._converted(value) for value in values]

    def const(self, name: str) -> NDArray[Any]:
        value = self._bound.get(name)
        if not isinstance(value, torch.Tensor):
            raise UnsupportedForm(f"the argument {name!r} must be a constant")
        return self._constants(value)

    def maybe_const(self, name: str) -> NDArray[Any] | None:
        return None if self._bound.get(name) is None else self.const(name)

    def list_of_constants(self, name: str) -> list[NDArray[Any] | None]:
        """A list of constants and gaps."""
        values = list(self._bound[name])
        if not all(value is None or isinstance(value, torch.Tensor) for value in values):
            raise UnsupportedForm(f"the argument {name!r} must be constant")
        return [None if value is None else self._constants(value) for value in values]

    def ints(self, name: str, count: int | None = None) -> list[int]:
        value = self._bound.get(name)
        out = [value] if isinstance(value, int) else [int(v) for v in value or []]
        if count is not None and len(out) == 1:
            out *= count
        return out

    def number(self, name: str) -> float:
        value = self._bound[name]
        if not isinstance(value, (int, float)):
            raise Unsupported(f"the argument {name!r} must be a number")
        return float(value)


Reader = Callable[[Builder, Args], Any]
READERS: dict[str, Reader] = {}


def reads(*targets: str) -> Callable[[Reader], Reader]:
    """Registers a reader for ATen overloads, named ``op.overload``."""

    def register(reader: Reader) -> Reader:
        for target in targets:
            assert target not in READERS, target
            READERS[target] = reader
        return reader

    return register
