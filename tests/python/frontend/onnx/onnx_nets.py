"""Small networks, written with onnx.helper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import secateur as sct

Shape = Sequence[int | str | None]


def network(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Shape | tuple[int, Shape]],
    outputs: Sequence[str],
    constants: Mapping[str, Any] | None = None,
    opset: int = 17,
) -> ModelProto:
    """inputs: name -> shape of a float, or (element type, shape)."""
    ports = []
    for name, held in inputs.items():
        kind, shape = (
            held if len(held) == 2 and isinstance(held[1], (list, tuple)) else (TensorProto.FLOAT, held)
        )
        ports.append(helper.make_tensor_value_info(name, kind, shape))
    graph = helper.make_graph(
        list(nodes),
        "net",
        ports,
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(x), name) for name, x in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(op: str, inputs: str, outputs: str = "y", **attributes: Any) -> NodeProto:
    """``node("Conv", "x w b")``; ``-`` is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), name=f"the_{op.lower()}", **attributes)


def reference(model: ModelProto, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """What the ONNX package's own definitions give."""
    return [np.asarray(y) for y in ReferenceEvaluator(model).run(None, dict(feeds))]


def check(model: ModelProto, feeds: Mapping[str, NDArray[Any]], rtol: float = 2e-5) -> sct.Program:
    """Compiles the network and holds its outputs against the definitions."""
    program = sct.compile(model, dict(feeds), verify=False)
    got = program.session().run(*feeds.values())
    outputs = got if isinstance(got, (tuple, list)) else [got]
    for y, want in zip(outputs, reference(model, feeds), strict=True):
        assert y.shape == want.shape
        scale = float(np.abs(want).max(initial=0))
        np.testing.assert_allclose(y, want, rtol=0, atol=rtol * scale + 1e-30)
    return program


def random(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)
