"""What calibration found: a scale for each tensor, a dtype for each layer and why. Plain data, saved as
JSON."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from secateur.errors import InvalidArgumentError
from secateur.files import save_atomically
from secateur.passes.quantize.fields import misfit

VERSION = 1
DTYPES = ("i8", "f32")


@dataclass(frozen=True)
class TensorScale:
    """``number = scale * (code - zero_point)``, from the range that calibration chose.

    `clipped`: the share of the calibrated values outside the range; `error`: the root mean square error of
    rounding to it, relative to `rms`, that of the values.
    """

    scale: float
    zero_point: int
    least: float
    most: float
    clipped: float = 0.0
    error: float = 0.0
    rms: float = 0.0


@dataclass(frozen=True)
class LayerChoice:
    """The dtype of a layer and the reason; `error` is the layer's own, relative, as calibration saw it."""

    dtype: str
    reason: str
    error: float = 0.0


@dataclass
class Quantization:
    """The result of `secateur.quantize.static`, and what ``secateur.compile(..., quantize=...)`` takes.

    network: the name of what was calibrated. method: how ranges were chosen. samples: how many batches were
    seen. tensors, layers: by the names that values and layers have in the compiled network. weights: how the
    rows of weights are scaled. bias: what is added to the bias of a layer, a number for each output channel,
    so that its mean stays. equalised: (first layer, second layer, a factor for each channel between them).
    expected: for each output, the root mean square error against f32, relative, on the calibration inputs.
    others: layers without weights, which `keep` takes, too; they follow what they read otherwise. rows: of
    layers whose weights came as bytes, the scale of each row, instead of `weights`.

    >>> q = Quantization("net", "mse", 1, tensors={"x": TensorScale(0.5, 3, -1.0, 1.0)})
    >>> Quantization.from_json(q.to_json()) == q
    True
    """

    network: str
    method: str
    samples: int
    weights: str = "max"
    tensors: dict[str, TensorScale] = field(default_factory=dict)
    layers: dict[str, LayerChoice] = field(default_factory=dict)
    bias: dict[str, list[float]] = field(default_factory=dict)
    equalised: list[tuple[str, str, list[float]]] = field(default_factory=list)
    expected: dict[str, float] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    rows: dict[str, list[float]] = field(default_factory=dict)

    def to_json(self) -> str:
        """The whole description, as text."""
        return json.dumps({"secateur_quantization": VERSION, **asdict(self)}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Quantization:
        """Raises InvalidArgumentError where the text is none, or a number in it cannot be used."""
        try:
            data = json.loads(text)
            version = data.pop("secateur_quantization")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise InvalidArgumentError("this is not a description that secateur quantize wrote") from None
        if version != VERSION:
            raise InvalidArgumentError(
                f"the description is of version {version}; this reads version {VERSION}"
            )
        try:
            data["tensors"] = {k: TensorScale(**v) for k, v in data["tensors"].items()}
            data["layers"] = {k: LayerChoice(**v) for k, v in data["layers"].items()}
            data["equalised"] = [(a, b, list(s)) for a, b, s in data["equalised"]]
            made = cls(**data)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise InvalidArgumentError(f"the description lacks or has what it should not: {error}") from None
        made.check()
        return made

    def check(self) -> None:
        """Raises InvalidArgumentError naming the first tensor or layer with a number that cannot be used."""
        for name, t in self.tensors.items():
            if not _positive(t.scale) or float(np.float32(t.scale)) == 0:
                raise InvalidArgumentError(
                    f"the scale of tensor {name!r} is {t.scale!r}; it must be positive"
                )
            if not isinstance(t.zero_point, int) or not -128 <= t.zero_point <= 127:
                raise InvalidArgumentError(
                    f"the zero point of tensor {name!r} is {t.zero_point!r}; it is an integer, -128 to 127"
                )
        for name, layer in self.layers.items():
            if layer.dtype not in DTYPES:
                raise InvalidArgumentError(
                    f"layer {name!r} is to be {layer.dtype!r}; known: {', '.join(DTYPES)}"
                )
        wrong = misfit(self, Quantization, "description")
        if wrong is not None:
            raise InvalidArgumentError(f"the description cannot be used: {wrong}")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as JSON, whole or not at all; raises SaveError."""
        save_atomically(path, self.to_json().encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Quantization:
        """Reads what `save` wrote. Raises InvalidArgumentError."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InvalidArgumentError(f"no description stands at {os.fspath(path)!r}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgumentError(f"{os.fspath(path)!r} cannot be read: {error}") from None
        return cls.from_json(text)

    def keep(self, *names: str, reason: str = "named by the caller") -> Quantization:
        """The same with those layers in f32, with weights or without; ``*`` stands for any letters.

        Raises InvalidArgumentError for a name that is no layer.
        """
        kept = {
            name: LayerChoice("f32", reason, self.layers[name].error if name in self.layers else 0.0)
            for name in chosen([*self.layers, *self.others], names)
        }
        return Quantization(**{**self.__dict__, "layers": {**self.layers, **kept}})

    def __str__(self) -> str:
        layers = [layer for name, layer in self.layers.items() if name not in self.others]
        i8 = sum(layer.dtype == "i8" for layer in layers)
        error = ", ".join(f"{name} {value:.2%}" for name, value in self.expected.items())
        return (
            f"<secateur.Quantization of {self.network!r}: {i8} of {len(layers)} layers in i8, by "
            f"{self.method} over {self.samples} batches; expected error {error or 'not measured'}>"
        )


def chosen(layers: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The layers that patterns name. Raises InvalidArgumentError for one that names none.

    >>> chosen(["stem", "block.0", "block.1"], ["block.*"])
    ['block.0', 'block.1']
    """
    for pattern in patterns:
        if pattern not in layers and not any(fnmatchcase(name, pattern) for name in layers):
            known = ", ".join(layers[:8]) + (", ..." if len(layers) > 8 else "")
            raise InvalidArgumentError(f"there is no layer {pattern!r} to keep in f32; layers: {known}")
    return [name for name in layers if any(name == p or fnmatchcase(name, p) for p in patterns)]


def _positive(number: Any) -> bool:
    try:
        return isinstance(number, (int, float)) and math.isfinite(number) and number > 0
    except OverflowError:  # a whole number that no float holds
        return False
