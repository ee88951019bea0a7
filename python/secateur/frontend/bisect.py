"""Compares the lowered graph with PyTorch operator by operator, to name the one that was translated
wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secateur.frontend.axes import Tensor, to_logical
from secateur.frontend.export import Source
from secateur.frontend.lower import best_lowering, location
from secateur.ir.reference import run_graph

RELATIVE = 1e-3  # far above rounding, far below a wrong operator


class _Recorder(torch.fx.Interpreter):
    """Keeps every node's result."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module, garbage_collect_values=False)
        self.results: dict[str, Any] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        self.results[n.name] = result
        return result


def first_mistranslated(source: Source, inputs: Sequence[NDArray[np.float32]]) -> str | None:
    """The first operator, in execution order, whose lowered value differs from PyTorch's; None if all
    agree."""
    module = source.program.graph_module
    arguments: list[Any] = []
    user = {node.name: torch.from_numpy(x) for node, x in zip(source.inputs, inputs, strict=True)}
    for node in module.graph.nodes:
        if node.op == "placeholder":
            arguments.append(user.get(node.name, source.constants.get(node.name)))
    recorder = _Recorder(module)
    with torch.no_grad():
        recorder.run(*arguments)
    lowering, graph = best_lowering(source)
    _, values = run_graph(graph, [x.astype(np.float64) for x in inputs])
    for node in source.graph.nodes:
        lowered = lowering.env.get(node)
        want = recorder.results.get(node.name)
        if not isinstance(lowered, Tensor) or not isinstance(want, torch.Tensor):
            continue
        got = to_logical(values[lowered.value.name], lowered)
        expected = want.detach().numpy()
        scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
        if not np.allclose(got, expected, rtol=0, atol=RELATIVE * scale + 1e-30, equal_nan=True):
            path, place = location(node)
            return f"{path or node.name}, {node.target}" + (f" ({place})" if place else "")
    return None
