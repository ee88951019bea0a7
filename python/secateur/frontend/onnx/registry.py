"""The table of ONNX operators that the front end takes, and how a reader sees a node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.numbers import as_floats
from secateur.lowering.rows import materialise
from secateur.lowering.scores import ELSEWHERE, Scores
from secateur.lowering.unsupported import UnsupportedForm


class Constants:
    """Constants as what is computed with: floats of any width become float32, one array for one array."""

    def __init__(self) -> None:
        self._arrays: dict[int, tuple[Any, NDArray[Any]]] = {}  # the first keeps its id taken

    def __call__(self, array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype in (np.float32, np.bool_):
            return array
        key = id(array)
        if key not in self._arrays:
            self._arrays[key] = (array, np.ascontiguousarray(array, np.float32).reshape(array.shape))
        return self._arrays[key][1]


class Args:
    """The operands and attributes of one node; constants come as NumPy arrays."""

    def __init__(
        self,
        b: Builder,
        node: NodeProto,
        operands: Sequence[Any],
        opset: int,
        constants: Constants,
        dtypes: Sequence[np.dtype[Any]],
    ) -> None:
        self.op = str(node.op_type)
        self.opset = opset
        self.count = len(operands)
        self.outputs = [bool(name) for name in node.output]
        self._builder = b
        self._operands = list(operands)
        self._constants = constants
        self._dtypes = list(dtypes)
        self._attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}

    # --- operands -----------------------------------------------------------------------------------------

    def has(self, at: int) -> bool:
        return at < self.count and self._operands[at] is not None

    def raw(self, at: int) -> Any:
        """An operand as it is: an array of its own dtype, a tensor, scores, a list, or None."""
        return self._operands[at] if at < self.count else None

    def dtype(self, at: int = 0) -> np.dtype[Any]:
        """What ONNX says an operand is: a computed tensor is held as float32 whatever it is."""
        return self._dtypes[at] if at < self.count else np.dtype(np.float32)

    def whole(self, *places: int) -> bool:
        """Whether these operands are whole numbers or truth values."""
        return all(self.dtype(at).kind in "iub" for at in places)

    def value(self, at: int) -> Any:
        """An operand to compute with: constants and integers are float32."""
        held = self.raw(at)
        if isinstance(held, Tensor):
            return as_floats(self._builder, held)
        return self._constants(held) if isinstance(held, np.ndarray) else held

    def values(self) -> list[Any]:
        """Every operand, scores as tensors."""
        return [
            self.tensor(i) if isinstance(x, Scores) else self.value(i) for i, x in enumerate(self._operands)
        ]

    def tensor(self, at: int = 0) -> Tensor:
        """An operand computed from the inputs; integers as they are passed."""
        held = self.raw(at)
        if isinstance(held, Scores):
            if not self._builder.escape:
                raise UnsupportedForm(ELSEWHERE)
            return materialise(self._builder, held)
        if not isinstance(held, Tensor):
            raise UnsupportedForm(f"its input {at + 1} must be computed from the network's inputs")
        return held

    def floats(self, at: int = 0) -> Tensor:
        """A computed operand as float32; whole numbers are exact up to 2^24."""
        return as_floats(self._builder, self.tensor(at))

    def tensor_or_scores(self, at: int = 0) -> Tensor | Scores:
        held = self.raw(at)
        return held if isinstance(held, Scores) else self.tensor(at)

    def const(self, at: int) -> NDArray[Any]:
        """A constant as float32."""
        held = self.raw(at)
        if not isinstance(held, np.ndarray):
            raise UnsupportedForm(f"its input {at + 1} must be a constant")
        return self._constants(held)

    def maybe_const(self, at: int) -> NDArray[Any] | None:
        return self.const(at) if self.has(at) else None

    def raw_const(self, at: int) -> NDArray[Any]:
        """A constant in its own dtype."""
        held = self.raw(at)
        if not isinstance(held, np.ndarray):
            raise UnsupportedForm(f"its input {at + 1} must be a constant")
        return held

    def ints_of(self, at: int) -> list[int]:
        """A constant operand as integers."""
        return [int(v) for v in self.raw_const(at).reshape(-1)]

    # --- attributes ---------------------------------------------------------------------------------------

    def attribute(self, name: str, default: Any = None) -> Any:
        found = self._attributes.get(name, default)
        return numpy_helper.to_array(found) if isinstance(found, TensorProto) else found

    def integer(self, name: str, default: int = 0) -> int:
        return int(self.attribute(name, default))

    def number(self, name: str, default: float) -> float:
        return float(self.attribute(name, default))

    def text(self, name: str, default: str = "") -> str:
        found = self.attribute(name, default)
        return found.decode() if isinstance(found, bytes) else str(found)

    def ints(self, name: str, default: Sequence[int] | None = None) -> list[int] | None:
        found = self.attribute(name)
        return (None if default is None else list(default)) if found is None else [int(v) for v in found]

    def axes(self, at: int, name: str = "axes") -> list[int] | None:
        """Axes, which older opsets give as an attribute and newer ones as an operand."""
        return self.ints_of(at) if self.has(at) else self.ints(name)


Reader = Callable[[Builder, Args], Any]
READERS: dict[str, Reader] = {}


def reads(*operators: str) -> Callable[[Reader], Reader]:
    """Registers a reader for operators of ONNX's own domain."""

    def register(reader: Reader) -> Reader:
        for name in operators:
            assert name not in READERS, name
            READERS[name] = reader
        return reader

    return register
