"""The table of ATen operators that the frontend takes, and how a reader sees the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.complex import Complex
from secateur.lowering.constant import constant
from secateur.lowering.masked import ELSEWHERE as MASKED_ELSEWHERE
from secateur.lowering.masked import Masked
from secateur.lowering.numbers import as_floats
from secateur.lowering.rows import materialise
from secateur.lowering.scores import ELSEWHERE, Scores
from secateur.lowering.unsupported import Unsupported, UnsupportedForm

_OF_COMPLEX = "of complex numbers: arithmetic, views, transforms, abs, angle, real and imag are taken"


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

    def __init__(
        self,
        b: Builder,
        target: str,
        bound: dict[str, Any],
        constants: Constants,
        dtypes: dict[str, torch.dtype] | None = None,
        used: set[Any] | None = None,
        in_order: dict[str, bool] | None = None,
    ) -> None:
        self._builder = b
        self.target = target
        self._bound = bound
        self._constants = constants
        self._dtypes = dtypes or {}
        self._used = used
        self._in_order = in_order or {}

    def _converted(self, value: Any) -> Any:
        if isinstance(value, Complex):
            raise Unsupported(_OF_COMPLEX)
        if isinstance(value, Tensor):
            return as_floats(self._builder, value)
        return self._constants(value) if isinstance(value, torch.Tensor) else value

    def wants(self, output: int) -> bool:
        """Whether anybody reads that result of an operator with several."""
        return self._used is None or output in self._used

    @property
    def names(self) -> list[str]:
        return list(self._bound)

    def computed(self, name: str) -> bool:
        return isinstance(self._bound.get(name), (Tensor, Scores, Complex, Masked))

    @property
    def of_complex(self) -> bool:
        """Whether an argument, or one in a list, is a computed complex number."""
        parts = [p for v in self._bound.values() for p in (v if isinstance(v, (list, tuple)) else (v,))]
        return any(isinstance(part, Complex) for part in parts)

    def parts(self, name: str) -> tuple[Any, Any]:
        """Real and imaginary part (None: there is none) of a tensor, a constant or a number."""
        value = self._bound.get(name)
        if isinstance(value, Complex):
            return value.real, value.imaginary
        if isinstance(value, torch.Tensor) and value.is_complex():
            return self._constants(value.real), self._constants(value.imag)
        return (value.real, value.imag) if isinstance(value, complex) else (self._converted(value), None)

    def with_bound(self, bound: dict[str, Any]) -> Args:
        """The same call of other arguments."""
        return Args(
            self._builder, self.target, bound, self._constants, self._dtypes, self._used, self._in_order
        )

    def complex(self, name: str) -> Complex:
        """A computed complex number, or a real one as such."""
        value = self._bound.get(name)
        return value if isinstance(value, Complex) else Complex(self.tensor(name))

    def given(self, name: str) -> Any:
        """As the source has it: a constant is a torch tensor."""
        return self._bound.get(name)

    def has(self, name: str) -> bool:
        return self._bound.get(name) is not None

    def dtype(self, name: str) -> torch.dtype:
        """What the source says an argument is: a computed tensor is held as f32 whatever it is."""
        value = self._bound.get(name)
        if isinstance(value, torch.Tensor):
            return value.dtype
        number = {bool: torch.bool, int: torch.int64}.get(type(value), torch.float32)
        return self._dtypes.get(name, number)

    def contiguous(self, name: str) -> bool:
        """Whether a computed tensor lies in order in the source's memory."""
        return self._in_order.get(name, False)

    def get(self, name: str, default: Any = None) -> Any:
        return self._converted(self._bound.get(name, default))

    def tensor(self, name: str) -> Tensor:
        """A tensor computed from the inputs; of integers as f32."""
        return as_floats(self._builder, self.whole(name))

    def whole(self, name: str) -> Tensor:
        """The same, an input of integers as it is passed. A constant beside a computed tensor becomes one."""
        value = self._bound.get(name)
        if isinstance(value, Complex):
            raise Unsupported(_OF_COMPLEX)
        if isinstance(value, Scores) and self._builder.escape:
            return materialise(self._builder, value)
        if isinstance(value, Scores):
            raise UnsupportedForm(ELSEWHERE)
        near = next((other for other in self._bound.values() if isinstance(other, Tensor)), None)
        if isinstance(value, torch.Tensor) and near is not None and self._builder.escape:
            return constant(self._builder, near, self._constants(value).astype(np.float32))
        if not isinstance(value, Tensor):
            raise UnsupportedForm(f"the argument {name!r} must be computed from the inputs")
        return value

    def tensor_or_scores(self, name: str) -> Tensor | Scores:
        value = self._bound.get(name)
        return value if isinstance(value, Scores) else self.whole(name)

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

    def list_of(self, name: str) -> list[Any]:
        """A list of computed tensors, constants and gaps."""
        return [self._converted(value) for value in self._bound[name]]

    def wholes(self, name: str) -> list[Any]:
        """The same, inputs of integers as they are passed."""
        return list(self._bound[name])

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
OF_MASKED: dict[str, Reader] = {}
OF_COMPLEX: dict[str, Reader] = {}  # where an argument is a computed complex number


def _into(table: dict[str, Reader], targets: tuple[str, ...]) -> Callable[[Reader], Reader]:
    def register(reader: Reader) -> Reader:
        for target in targets:
            assert target not in table, target
            table[target] = reader
        return reader

    return register


def reads(*targets: str) -> Callable[[Reader], Reader]:
    """Registers a reader for ATen overloads, named ``op.overload``."""
    return _into(READERS, targets)


def reads_masked(*targets: str) -> Callable[[Reader], Reader]:
    """Registers a reader for the calls of these overloads that have what a computed mask chose."""
    return _into(OF_MASKED, targets)


def reads_complex(*targets: str) -> Callable[[Reader], Reader]:
    """Registers a reader for the calls of these overloads that have a computed complex argument."""
    return _into(OF_COMPLEX, targets)


def of_masked(b: Builder, a: Args, pointwise: bool) -> Any:
    """What a call makes of elements that a computed mask chose: a function of each is one of all, whose
    chosen ones are the result; sums, means and what is put back have readers of their own."""
    given = [value for name in a.names if isinstance(value := a.given(name), Masked)]
    if a.target in OF_MASKED:
        return OF_MASKED[a.target](b, a)
    others = [a.given(name) for name in a.names]
    alone = all(isinstance(x, Masked) or not isinstance(x, Tensor) or not x.rank for x in others)
    small = all(not isinstance(x, torch.Tensor) or x.numel() == 1 for x in others)
    if not pointwise or not alone or not small or any(x.mask != given[0].mask for x in given):
        raise Unsupported(MASKED_ELSEWHERE)
    whole = {name: x.tensor if isinstance(x := a.given(name), Masked) else x for name in a.names}
    return Masked(READERS[a.target](b, a.with_bound(whole)), given[0].mask)


def read(b: Builder, a: Args) -> Any:
    """What the reader of a call makes of it."""
    readers = OF_COMPLEX if a.of_complex and a.target in OF_COMPLEX else READERS
    return readers[a.target](b, a)
