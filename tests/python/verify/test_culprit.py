"""The operator that the runtime gets wrong is found among those that it gets right."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import nn

from secateur.emit import emit, exposed
from secateur.frontend.torch import export, lower
from secateur.ir import Graph
from secateur.passes import core_for, optimise
from secateur.verify.culprit import first_difference


def optimised(net: nn.Module, x: torch.Tensor) -> Graph:
    graph = lower(export(net, x))
    optimise(graph, core_for(None))
    return graph


def test_the_runtime_agrees_operator_by_operator() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.Hardswish(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
        nn.Softmax(-1),
    )
    x = torch.randn(1, 3, 16, 16)
    assert first_difference(optimised(net, x), [x.numpy()]) is None


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_wrong_kernel_is_found(layer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is written with one row of weights off; the graph that it is compared with is right."""
    net = nn.Sequential(*itertools.chain(*((nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()) for _ in range(3))))
    x = torch.randn(1, 4, 8, 8)
    graph = optimised(net, x)

    def spoiled(g: Graph, **options: Any) -> Any:
        op = g.ops[layer]
        kept = op.options.weight
        op.options.weight = kept.copy()
        op.options.weight[1] += 1.0  # a whole row: the output is positive, so no ReLU can hide it
        try:
            return emit(g, **options)
        finally:
            op.options.weight = kept

    monkeypatch.setattr(exposed, "emit", spoiled)
    found = first_difference(graph, [x.numpy()])
    assert found is not None
    assert found.name == graph.ops[layer].name
