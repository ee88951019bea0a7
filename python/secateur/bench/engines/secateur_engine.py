"""This runtime, twice: the network as it was pruned, and its dense self.

The dense self is the same architecture before pruning, compiled by the same compiler: what a user had
before reaching for sparsity, and what a sparse layer must beat to be worth it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.bench.engines.base import INT8_TOLERANCE, Engine, EngineError, Runner
from secateur.bench.scratch import Scratch
from secateur.bench.workload import Array, Workload, reference_outputs
from secateur.errors import SecateurError

if TYPE_CHECKING:
    import torch


class SecateurRunner(Runner):
    """A compiled model file opened in a session."""

    def __init__(self, path: Path, inputs: tuple[Array, ...], threads: int) -> None:
        import secateur as sct
        from secateur.runtime import Limits

        self.session = sct.Session(str(path), threads=threads, limits=Limits.trusted())
        self._inputs = inputs
        self._file_bytes = path.stat().st_size

    def run(self) -> list[Array]:
        result = self.session.run(*self._inputs)
        return list(result) if isinstance(result, (list, tuple)) else [result]

    def facts(self) -> dict[str, Any]:
        import secateur as sct

        return {
            "version": sct.__version__,
            "file_bytes": self._file_bytes,
            "memory": dict(self.session.memory),
        }


class SecateurSparse(Engine):
    """The workload's network compiled, each layer in the format that the compiler chose."""

    name = "secateur"
    label = "secateur"
    target: str | None = None  # the core to choose formats for; None: this machine

    def __init__(self) -> None:
        self._folder = Scratch()
        self._compiled: dict[int, tuple[Any, Path]] = {}

    def _model(self, workload: Workload) -> Any:
        return workload.model

    def _compile(self, model: Any, workload: Workload) -> Any:
        import secateur as sct

        return sct.compile(model, workload.tensors(), target=self.target)

    def load(self, workload: Workload, threads: int) -> SecateurRunner:
        try:
            return SecateurRunner(self.model_file(workload), workload.inputs, threads)
        except EngineError:
            raise
        except SecateurError as error:
            raise EngineError(str(error)) from error

    def model_file(self, workload: Workload) -> Path:
        """Compiles a network once, whatever the number of threads and of workloads that share it."""
        model = self._model(workload)
        if id(model) not in self._compiled:
            path = self._folder.path / f"{len(self._compiled)}.sct"
            self._compile(model, workload).save(str(path))
            self._compiled[id(model)] = (model, path)  # keeps the model alive: its id stays its own
        return self._compiled[id(model)][1]


class SecateurInt8(SecateurSparse):
    """The same in int8, calibrated on the workload's inputs and on their values in other orders."""

    name = "secateur-int8"
    label = "secateur, int8"
    tolerance = INT8_TOLERANCE

    def _compile(self, model: Any, workload: Workload) -> Any:
        import secateur as sct

        quantization = sct.quantize.static(
            model, _calibration(workload), example_inputs=workload.tensors(), method="robust", trials=0
        )
        return sct.compile(model, workload.tensors(), target=self.target, quantize=quantization)


class SecateurDenseInt8(SecateurInt8):
    """The network before pruning, in int8."""

    name = "secateur-dense-int8"
    label = "secateur, dense int8"

    def _model(self, workload: Workload) -> Any:
        return workload.dense_model if workload.dense_model is not None else workload.model

    def expected(self, workload: Workload) -> list[Array]:
        return reference_outputs(self._model(workload), workload.inputs)


def _calibration(workload: Workload) -> list[tuple[Array, ...]]:
    rng = np.random.default_rng(0)
    shuffled = [tuple(rng.permutation(x.ravel()).reshape(x.shape) for x in workload.inputs) for _ in range(7)]
    return [workload.inputs, *shuffled]


class SecateurDense(SecateurSparse):
    """The network before pruning, compiled."""

    name = "secateur-dense"
    label = "secateur, dense self"

    def _model(self, workload: Workload) -> Any:
        return workload.dense_model if workload.dense_model is not None else workload.model

    def expected(self, workload: Workload) -> list[Array]:
        return reference_outputs(self._model(workload), workload.inputs)


class CompiledFile(Engine):
    """A model file that stands already; a right answer is what `model` gives, of int8 as of rivals."""

    def __init__(
        self, name: str, label: str, path: Path, model: torch.nn.Module, *, int8: bool = False
    ) -> None:
        self.tolerance = INT8_TOLERANCE if int8 else None
        self.name = name
        self.label = label
        self._path = path
        self._network = model

    def load(self, workload: Workload, threads: int) -> SecateurRunner:
        try:
            return SecateurRunner(self._path, workload.inputs, threads)
        except SecateurError as error:
            raise EngineError(str(error)) from error

    def expected(self, workload: Workload) -> list[Array]:
        return reference_outputs(self._network, workload.inputs)
