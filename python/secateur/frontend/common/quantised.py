"""What a network that comes quantised says of itself, whatever it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scale:
    """``number = scale * (code - zero_point)``, codes as i8: those of u8 less 128."""

    scale: float
    zero_point: int


@dataclass
class Stored:
    """The scale of tensors; of weights that are stored as bytes without a zero point, by the name of the
    weight in float32, one scale or one a row; notes for the user."""

    tensors: dict[str, Scale] = field(default_factory=dict)
    rows: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def keep(self, tensor: str, scale: Scale) -> None:
        """Of several scales for one tensor the first is taken, and the others are said."""
        if (kept := self.tensors.setdefault(tensor, scale)) != scale:
            self.notes.append(f"quantised: {tensor} has two scales in the file; {kept.scale:.6g} is taken")


def numbers_of(
    codes: NDArray[Any], scale: NDArray[np.float32], zero: NDArray[Any], axis: int
) -> NDArray[np.float32]:
    """``scale (code - zero point)`` in float32, each of one element or of one for every index of `axis`."""
    shape = [1] * codes.ndim
    if max(scale.size, zero.size) > 1:
        shape[axis] = -1
    off = codes.astype(np.int64) - zero.astype(np.int64).reshape(shape if zero.size > 1 else [])
    return np.asarray(off.astype(np.float32) * scale.reshape(shape if scale.size > 1 else []), np.float32)
