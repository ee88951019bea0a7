"""PyTorch as its users run it: eager, no gradients."""

from __future__ import annotations

from typing import Any

from secateur.bench.engines.base import Engine, Runner
from secateur.bench.workload import Array, Workload


class _TorchRunner(Runner):
    def __init__(self, workload: Workload, threads: int) -> None:
        self._model = workload.model.eval()
        self._inputs = workload.tensors()
        self._threads = threads

    def run(self) -> list[Array]:
        import torch

        with torch.inference_mode():
            result = self._model(*self._inputs)
        return [y.numpy() for y in ([result] if isinstance(result, torch.Tensor) else result)]

    def time_once(self) -> int:
        import torch

        # The number of threads is the process's: set it back so that nobody else inherits it.
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            return super().time_once()
        finally:
            torch.set_num_threads(before)

    def facts(self) -> dict[str, Any]:
        import torch

        return {"version": torch.__version__}


class TorchEager(Engine):
    name = "torch"
    label = "PyTorch eager"

    def load(self, workload: Workload, threads: int) -> Runner:
        return _TorchRunner(workload, threads)
