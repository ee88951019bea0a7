"""Files with weights in fewer bytes, and int8 files, against their definitions: what is held, who named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.emit import Exposed, emit, exposed
from secateur.errors import InvalidArgumentError, MismatchError, WeightError
from secateur.frontend.torch import export, lower
from secateur.ir import Graph, Op, Port, Value, planes
from secateur.ir.options import ConvertOptions
from secateur.ir.quantised import dequantise, quantise
from secateur.ir.types import quantised
from secateur.passes import core_for, optimise
from secateur.verify.stored import check_operators


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.ReLU6(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 16, 1),
        nn.Hardswish(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    ).eval()


def stored(net: nn.Module, x: torch.Tensor, weights: str) -> Graph:
    graph = lower(export(net, x))
    optimise(graph, core_for(None), weights=weights)
    return graph


X = torch.randn(1, 3, 12, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("weights", "share", "error"), [("int8", 0.30, 0.02), ("float16", 0.55, 1e-3)])
def test_weights_in_fewer_bytes_compute_nearly_the_same(weights: str, share: float, error: float) -> None:
    net = network()
    plain, program = sct.compile(net, X), sct.compile(net, X, weights=weights)
    bytes_of = [sum(layer.bytes for layer in p.layers) for p in (plain, program)]
    assert bytes_of[1] < share * bytes_of[0] + 4 * 37  # 37 rows have a scale
    assert {layer.weight_dtype for layer in program.layers} == {"", {"int8": "i8", "float16": "f16"}[weights]}
    assert {layer.dtype for layer in program.layers} == {"f32"}
    with torch.no_grad():
        want = net(X).numpy()
    got = program.session().run(X.numpy())
    assert 0 < np.abs(got - want).max() < error * np.abs(want).max()
    assert "from f32 (root mean square)" in program.report[-1]


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("pattern", ["element", "4x1", "2:4"])
@pytest.mark.parametrize("weights", ["int8", "float16"])
def test_zeros_stay_zeros_in_every_format(sparsity: float, pattern: str, weights: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(16, 32, 1), nn.ReLU(), nn.Conv2d(32, 16, 3, padding=1)).eval()
    if sparsity:
        sct.prune.prune_oneshot(net, pattern=pattern, sparsity=None if pattern == "2:4" else sparsity)
    x = torch.randn(1, 16, 6, 6)
    plain, program = sct.compile(net, x), sct.compile(net, x, weights=weights)
    assert [row.format for row in plain.layers] == [row.format for row in program.layers]
    for a, b in zip(plain.graph.ops, program.graph.ops, strict=True):
        assert np.all(b.options.weight[a.options.weight == 0] == 0)
    assert program.file_bytes < plain.file_bytes


def test_float16_refuses_what_it_cannot_hold() -> None:
    net = nn.Sequential(nn.Linear(4, 4)).eval()
    with torch.no_grad():
        net[0].weight[0, 0] = 1e6
    with pytest.raises(WeightError, match=r"a weight of '0' is 1e\+06, beyond the 65504 of float16"):
        sct.compile(net, torch.ones(1, 4), weights="float16")
    assert sct.compile(net, torch.ones(1, 4), weights="int8").layers


def test_names_are_checked_before_anything_is_traced() -> None:
    with pytest.raises(InvalidArgumentError, match="float32, float16, int8, not 'int4'"):
        sct.compile(nn.Linear(2, 2), None, weights="int4")
    with pytest.raises(InvalidArgumentError, match=r"secateur\.quantize\.static returns, not dict"):
        sct.compile(nn.Linear(2, 2), None, quantize={})  # type: ignore[arg-type]


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_wrong_weight_in_the_file_is_named(layer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = stored(network(), X, "int8")
    name = graph.ops[layer].name

    def spoiled(g: Graph, **options: Any) -> Any:
        o = g.ops[layer].options
        kept = o.scales
        o.scales = kept * np.float32(1.01)
        try:
            return emit(g, **options)
        finally:
            o.scales = kept

    check_operators(graph, Exposed(graph).run([X.numpy()]))
    monkeypatch.setattr(exposed, "emit", spoiled)
    with pytest.raises(MismatchError, match=f"differs from its graph first in layer {name}, "):
        check_operators(graph, Exposed(graph).run([X.numpy()]))


def converts(scale: float = 0.03, zero: int = 5) -> Graph:
    """f32 to codes, to codes of another scale, and back."""
    shape = (2, 7, 5, 3)
    x, a = Value("x", planes(*shape)), Value("a", quantised(shape, float(np.float32(scale)), zero))
    b, y = Value("b", quantised(shape, float(np.float32(0.05)), -40)), Value("y", planes(*shape))
    ops = [Op("Convert", v.name, [u], v, ConvertOptions()) for u, v in ((x, a), (a, b), (b, y))]
    return Graph("g", [Port("x", x, shape)], [Port("y", y, shape)], ops)


def test_conversions_are_the_definitions_to_the_bit() -> None:
    graph = converts()
    x = np.random.default_rng(0).uniform(-6, 6, (2, 7, 5, 3)).astype(np.float32)
    x.reshape(-1)[:6] = np.nan, np.inf, -np.inf, 0.0, 0.045, -0.015
    values = Exposed(graph).run([x])
    check_operators(graph, values)
    codes = quantise(x, graph.ops[0].output.type)
    np.testing.assert_array_equal(values["a"], codes)
    np.testing.assert_array_equal(values["y"], dequantise(values["b"], graph.ops[1].output.type))


@pytest.mark.parametrize(("name", "index"), [("a", 0), ("b", 1), ("y", 2)])
def test_one_wrong_element_of_an_int8_operator_is_named(name: str, index: int) -> None:
    graph = converts()
    x = np.random.default_rng(0).uniform(-3, 3, (2, 7, 5, 3)).astype(np.float32)
    values = Exposed(graph).run([x])
    wrong = values[name].copy()
    wrong[1, 6, 4, 2] = (
        np.nextafter(wrong[1, 6, 4, 2], np.float32(9)) if name == "y" else wrong[1, 6, 4, 2] + 1
    )
    values[name] = wrong
    message = (
        rf"layer {graph.ops[index].name}, Convert: 1 of 210 elements differ, the first at \(1, 6, 4, 2\)"
    )
    with pytest.raises(MismatchError, match=message):
        check_operators(graph, values)
