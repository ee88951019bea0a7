"""Networks that come quantised (QDQ): int8 layers by the scales and the bytes of the file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper
from onnx_nets import network, node, random, reference

import secateur as sct
from secateur.errors import InvalidArgumentError, UnsupportedOperatorError

ZERO = {np.uint8: 128, np.int8: 0}


class Quantised:
    """Writes nodes with the pairs that quantising tools put around tensors."""

    def __init__(self, kind: Any = np.uint8) -> None:
        self.kind = kind
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def pair(self, x: str, scale: float, zero: int) -> str:
        """x as it is after its rounding."""
        self.constants |= {f"{x}.s": np.float32(scale), f"{x}.z": self.kind(zero)}
        self.nodes += [
            helper.make_node("QuantizeLinear", [x, f"{x}.s", f"{x}.z"], [f"{x}.q"], name=f"{x}.Q"),
            helper.make_node("DequantizeLinear", [f"{x}.q", f"{x}.s", f"{x}.z"], [f"{x}.d"], name=f"{x}.DQ"),
        ]
        return f"{x}.d"

    def weight(self, name: str, shape: tuple[int, ...], x_scale: float, seed: int) -> tuple[str, str]:
        """Bytes with a scale a row, and an int32 bias in units of the products."""
        rng = np.random.default_rng(seed)
        codes = rng.integers(-127, 128, shape).astype(np.int8)
        codes[rng.random(shape) < 0.5] = 0
        scales = (0.002 + 0.01 * rng.random(shape[0])).astype(np.float32)
        bias = rng.integers(-3000, 3000, shape[0]).astype(np.int32)
        self.constants |= {f"{name}.c": codes, f"{name}.s": scales, f"{name}.z": np.zeros(shape[0], np.int8)}
        self.constants |= {f"{name}.b": bias, f"{name}.bs": np.float32(x_scale) * scales}
        self.constants |= {f"{name}.bz": np.zeros(shape[0], np.int32)}
        self.nodes += [
            helper.make_node("DequantizeLinear", [f"{name}.{k}" for k in "csz"], [f"{name}.weight"], axis=0),
            helper.make_node(
                "DequantizeLinear", [f"{name}.b", f"{name}.bs", f"{name}.bz"], [f"{name}.bias"], axis=0
            ),
        ]
        return f"{name}.weight", f"{name}.bias"

    def conv(self, x: str, y: str, name: str, shape: tuple[int, ...], x_scale: float, **options: Any) -> None:
        inputs = [x, *self.weight(name, shape, x_scale, len(self.nodes))]
        self.nodes.append(helper.make_node("Conv", inputs, [y], name=name, **options))

    def model(self, output: str) -> ModelProto:
        return network(self.nodes, {"x": (1, 4, 9, 7)}, [output], self.constants, opset=19)


def net(kind: Any, *, residual: bool = True) -> tuple[ModelProto, float]:
    """Convolution, depthwise, residual sum, pooling and a linear layer; the scale of the output."""
    q, zero = Quantised(kind), ZERO[kind]
    least = 0 if kind is np.uint8 else -128
    x = q.pair("x", 0.02, zero)
    q.conv(x, "c1", "one", (8, 4, 3, 3), 0.02, pads=[1, 1, 1, 1])
    q.nodes.append(node("Relu", "c1", "r1"))
    r1 = q.pair("r1", 0.03, least)
    q.conv(r1, "c2", "two", (8, 1, 3, 3), 0.03, pads=[1, 1, 1, 1], group=8)
    c2 = q.pair("c2", 0.05, zero)
    last, scale = c2, 0.05
    if residual:
        q.nodes.append(helper.make_node("Add", [c2, r1], ["a"]))
        last, scale = q.pair("a", 0.06, zero - 20), 0.06
    q.nodes.append(helper.make_node("MaxPool", [last], ["m"], kernel_shape=[2, 2], strides=[2, 2]))
    m = q.pair("m", scale, zero - 20 if residual else zero)
    q.nodes.append(helper.make_node("GlobalAveragePool", [m], ["g"]))
    g = q.pair("g", 0.02, zero)
    q.nodes.append(helper.make_node("Flatten", [g], ["f"]))
    f = q.pair("f", 0.02, zero)
    weight, bias = q.weight("head", (5, 8), 0.02, 99)
    q.nodes.append(helper.make_node("Gemm", [f, weight, bias], ["y"], name="head", transB=1))
    return q.model(q.pair("y", 0.02, zero + 7)), 0.02


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_within_a_step_of_the_definitions(kind: Any, residual: bool) -> None:
    model, step = net(kind, residual=residual)
    program = sct.compile(model)
    layers = {row.name: row.dtype for row in program.layers}
    assert [layers[name] for name in ("one", "two", "head")] == ["i8"] * 3
    session = program.session()
    for seed in range(4):
        x = random(1, 4, 9, 7, seed=seed)
        want = reference(model, {"x": x})[0]
        assert np.unique(want).size > 3  # not all clipped
        assert np.abs(session.run(x) - want).max() <= step * 1.001


def test_the_bytes_of_the_file_are_those_that_run() -> None:
    """Re-scaling rows by their largest would change them."""
    from secateur.network import open_network
    from secateur.passes import core_for, description, optimise

    model, _ = net(np.uint8)
    held = next(t for t in model.graph.initializer if t.name == "one.c")
    codes = numpy_helper.to_array(held)
    oracle, core = open_network(model), core_for(None)
    graph = oracle.lower()
    q = description(graph, core, oracle.tensor_scales, oracle.row_scales)
    optimise(graph, core, q, "int8")
    op = next(op for op in graph.ops if op.name == "one")
    np.testing.assert_array_equal(np.sort(op.options.weight.reshape(-1)), np.sort(codes.reshape(-1)))
    assert q.tensors["x"].zero_point == 0  # of u8 codes less 128
    assert q.tensors["x"].scale == pytest.approx(0.02)


def test_a_layer_between_tensors_without_scales_stays_in_f32() -> None:
    q = Quantised()
    x = q.pair("x", 0.02, 128)
    q.conv(x, "c1", "one", (8, 4, 3, 3), 0.02)
    q.nodes.append(helper.make_node("Sigmoid", ["c1"], ["s"]))
    q.conv("s", "y", "two", (8, 8, 1, 1), 0.02)
    model = q.model("y")
    program = sct.compile(model)
    x = random(1, 4, 9, 7)
    off = program.session().run(x) - reference(model, {"x": x})[0]  # what rounding x and the weights makes
    assert np.sqrt((off**2).mean()) < 0.02
    assert {row.name: row.dtype for row in program.layers}["two"] == "f32"


def test_what_is_said_and_what_is_refused() -> None:
    model, _ = net(np.uint8)
    report = " ".join(sct.compile(model).report)
    assert "int8 operators to the bit" in report
    assert "from the quantised network's own" in report
    with pytest.raises(InvalidArgumentError, match=r"came quantised: it is compiled by its own scales"):
        sct.compile(model, quantize=sct.quantize.Quantization("n", "m", 1))
    lone = network(
        [node("QuantizeLinear", "x s z")],
        {"x": (2, 3)},
        ["y"],
        {"s": np.float32(0.1), "z": np.uint8(3)},
        opset=19,
    )
    with pytest.raises(UnsupportedOperatorError, match=r"QuantizeLinear \(.*pair.*\) at the_quantizelinear"):
        sct.compile(lone)
