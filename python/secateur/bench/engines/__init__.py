"""One adapter per engine. `make_engines` gives them by name, in the order that tables show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from secateur.bench.engines.base import Engine
from secateur.bench.engines.rivals import LiteRt, OnnxRuntime, TfLiteRuntime
from secateur.bench.engines.secateur_engine import SecateurDense, SecateurSparse
from secateur.bench.engines.torch_eager import TorchEager
from secateur.errors import InvalidArgumentError

NAMES = ("secateur", "secateur-dense", "torch", "onnxruntime", "litert", "tflite")
PYTHON_NAMES = ("onnxruntime", "litert", "tflite", "litert-torch")


def make_engines(
    names: Sequence[str] | None = None,
    *,
    pythons: Mapping[str, str] | None = None,
    cache: Path | None = None,
) -> list[Engine]:
    """Adapters of the engines named (all by default).

    `pythons`: engine name -> Python interpreter that has it. `cache`: folder that keeps converted
    models. Raises InvalidArgumentError for a name that is none of `NAMES`.

    >>> [engine.label for engine in make_engines(["torch"])]
    ['PyTorch eager']
    """
    wanted = list(names) if names else list(NAMES)
    for name in wanted:
        if name not in NAMES:
            raise InvalidArgumentError(f"no engine is called {name!r}; there are {', '.join(NAMES)}")
    for name in pythons or {}:
        if name not in PYTHON_NAMES:
            raise InvalidArgumentError(
                f"--engine-python takes {', '.join(PYTHON_NAMES)}, and {name!r} is none of them"
            )
    made: list[Engine] = []
    for name in wanted:
        if name == "secateur":
            made.append(SecateurSparse())
        elif name == "secateur-dense":
            made.append(SecateurDense())
        elif name == "torch":
            made.append(TorchEager())
        else:
            rival = {"onnxruntime": OnnxRuntime, "litert": LiteRt, "tflite": TfLiteRuntime}[name]
            made.append(rival(pythons, cache))
    return made
