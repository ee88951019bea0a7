"""A network that sorts may differ in the order of what rounding alone tells apart, and in nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from secateur.emit import emit
from secateur.errors import MismatchError
from secateur.frontend.common import Arrays
from secateur.frontend.torch import TorchOracle, export
from secateur.passes import core_for, optimise
from secateur.verify import verify_compiled


class Best(nn.Module):
    """The numbers of the best of 12 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(8, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.topk(self.score(x), 5).indices.float()


class Swapped(TorchOracle):
    """PyTorch, had its first two been so near that it found them in the other order: on the examples alone or
    on all inputs."""

    always = False

    def _swapped(self, inputs: Arrays, results: Arrays | None) -> Arrays | None:
        held = self.examples()
        if results is None or held is None or not (self.always or np.array_equal(inputs[0], held[0])):
            return results
        return [y[..., [1, 0, *range(2, y.shape[-1])]] for y in results]

    def itself(self, inputs: Arrays, runs: int = 1) -> Arrays | None:
        return self._swapped(inputs, super().itself(inputs, runs))

    def exported(self, inputs: Arrays) -> Arrays:
        return self._swapped(inputs, super().exported(inputs)) or []

    def exact(self, inputs: Arrays) -> Arrays | None:
        return self._swapped(inputs, super().exact(inputs))


@pytest.mark.parametrize("always", [False, True])
def test_order(always: bool) -> None:
    torch.manual_seed(0)
    oracle, core = Swapped(export(Best().eval(), torch.randn(1, 8))), core_for(None)
    oracle.always = always
    graph = oracle.lower()
    optimise(graph, core)
    data = emit(graph).data
    if not always:
        verify_compiled(data, graph, oracle, core)
        return
    with pytest.raises(MismatchError, match="differs from its source"):
        verify_compiled(data, graph, oracle, core)
