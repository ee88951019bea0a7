"""One adapter per engine. `make_engines` gives them by name, in the order that tables show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from secateur.bench.engines.base import Engine
from secateur.bench.engines.rivals import (
    LiteRt,
    OnnxRuntime,
    OnnxRuntimeInt8,
    OpenVino,
    OpenVinoInt8,
    Rival,
    TfLiteRuntime,
)
from secateur.bench.engines.secateur_engine import (
    SecateurDense,
    SecateurDenseInt8,
    SecateurInt8,
    SecateurSparse,
)
from secateur.bench.engines.torch_eager import TorchEager
from secateur.errors import InvalidArgumentError

_OURS: dict[str, type[Engine]] = {
    engine.name: engine
    for engine in (SecateurSparse, SecateurInt8, SecateurDense, SecateurDenseInt8, TorchEager)
}
_RIVALS: dict[str, type[Rival]] = {
    rival.name: rival
    for rival in (OnnxRuntime, OpenVino, LiteRt, TfLiteRuntime, OnnxRuntimeInt8, OpenVinoInt8)
}
NAMES = (*_OURS, *_RIVALS)
DEFAULT_NAMES = ("secateur", "secateur-dense", "torch", "onnxruntime", "openvino", "litert", "tflite")
PYTHON_NAMES = ("onnxruntime", "openvino", "litert", "tflite", "litert-torch")


def make_engines(
    names: Sequence[str] | None = None,
    *,
    pythons: Mapping[str, str] | None = None,
    cache: Path | None = None,
) -> list[Engine]:
    """Adapters of the engines named (by default those that compute in f32).

    `pythons`: engine name -> Python interpreter that has it. `cache`: folder that keeps converted
    models. Raises InvalidArgumentError for a name that is none of `NAMES`.

    >>> [engine.label for engine in make_engines(["torch"])]
    ['PyTorch eager']
    """
    wanted = list(names) if names else list(DEFAULT_NAMES)
    for name in wanted:
        if name not in NAMES:
            raise InvalidArgumentError(f"no engine is called {name!r}; there are {', '.join(NAMES)}")
    for name in pythons or {}:
        if name not in PYTHON_NAMES:
            raise InvalidArgumentError(
                f"--engine-python takes {', '.join(PYTHON_NAMES)}, and {name!r} is none of them"
            )
    return [_OURS[name]() if name in _OURS else _RIVALS[name](pythons, cache) for name in wanted]
