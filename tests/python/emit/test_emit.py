"""Memory plans, the model writer, saving, and the search for the operator that is off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur import _core
from secateur.emit import emit, plan_memory
from secateur.emit.memory_plan import size_of
from secateur.errors import SaveError
from secateur.ir import Activation, Graph, Op, Port, Value, planes
from secateur.ir.options import BinaryOptions, ConvOptions, UnaryOptions
from secateur.ir.reference import run_graph


def random_graph(seed: int) -> Graph:
    """Unary, Binary and Conv operators (some add a value) over values of random sizes."""
    rng = np.random.default_rng(seed)
    x = Value("x", planes(1, 3, 4, 5))
    values, ops = [x], []
    for i in range(12):
        a = values[rng.integers(len(values))]
        same = [v for v in values if v.shape == a.shape]
        kind = rng.integers(3)
        if kind == 0:
            channels = int(rng.integers(1, 9))
            weight = rng.standard_normal((channels, a.channels)).astype(np.float32)
            y = Value(f"v{i}", planes(1, channels, 4, 5))
            added = [v for v in values if v.shape == y.shape][-1:] if rng.random() < 0.5 else []
            ops.append(Op("Conv", f"v{i}", [a, *added], y, ConvOptions(weight=weight)))
        elif kind == 1:
            y = Value(f"v{i}", a.type)
            ops.append(Op("Unary", f"v{i}", [a], y, UnaryOptions(), Activation("tanh")))
        else:
            y = Value(f"v{i}", a.type)
            b = same[rng.integers(len(same))]
            ops.append(Op("Binary", f"v{i}", [a, b], y, BinaryOptions()))
        values.append(y)
    outs = [values[-1], values[int(rng.integers(len(values)))]]
    return Graph("g", [Port("x", x, x.shape)], [Port(f"o{i}", v, v.shape) for i, v in enumerate(outs)], ops)


@pytest.mark.parametrize("seed", range(25))
def test_shared_memory_changes_nothing(seed: int) -> None:
    graph = random_graph(seed)
    x = np.random.default_rng(seed).standard_normal((1, 3, 4, 5)).astype(np.float32)
    results = []
    for share in (True, False):
        model = _core.Model(emit(graph, share_memory=share).data)  # the reader refuses overlaps
        results.append(_core.Session(model).run([x]))
    want, _ = run_graph(graph, [x])
    for shared, own, exact in zip(*results, want, strict=True):
        np.testing.assert_array_equal(shared, own)
        np.testing.assert_allclose(shared, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(25))
def test_plans_are_aligned_and_tight(seed: int) -> None:
    graph = random_graph(seed)
    plan = plan_memory(graph)
    assert all(offset % 64 == 0 for offset in plan.offsets.values())
    assert plan.peak == max(plan.offsets[v] + size_of(v) for v in graph.values())
    assert plan.peak <= plan.total


def test_a_chain_takes_two_buffers_and_elementwise_one() -> None:
    net = nn.Sequential(*(nn.Conv2d(4, 4, 3, padding=1) for _ in range(6)))
    program = sct.compile(net, torch.ones(1, 4, 16, 16))
    one = size_of(Value("x", planes(1, 4, 16, 16)))
    assert program.arena_bytes == 2 * one
    assert program.unshared_bytes == 7 * one
    elementwise = sct.compile(nn.Sequential(nn.Sigmoid(), nn.Tanh(), nn.ReLU()), torch.ones(1, 4, 16, 16))
    assert elementwise.arena_bytes == one


def test_a_convolution_takes_the_place_of_what_it_adds() -> None:
    class Block(nn.Module):
        def __init__(self, of_itself: bool) -> None:
            super().__init__()
            self.a, self.b, self.of_itself = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1), of_itself

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.a(x))
            return self.b(y) + (y if self.of_itself else x)

    one = size_of(Value("x", planes(1, 4, 16, 16)))
    x = torch.randn(1, 4, 16, 16)
    for of_itself in (False, True):  # b(y) + y reads y at other channels than it writes
        block = Block(of_itself).eval()
        program = sct.compile(block, x)
        assert program.arena_bytes == 2 * one
        with torch.no_grad():
            want = block(x).numpy()
        np.testing.assert_allclose(program.session().run(x.numpy()), want, rtol=1e-5, atol=1e-5)
    three = sct.compile(Block(False).eval(), x)
    assert three.unshared_bytes == 3 * one


def test_unused_inputs_keep_their_memory() -> None:
    class Second(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.relu(y * 2 - 1) + 1

    program = sct.compile(Second(), (torch.ones(1, 3, 4), torch.ones(1, 3, 4)))
    y = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 3, 4)
    got = program.session().run(np.zeros_like(y), y)
    np.testing.assert_allclose(got, np.maximum(y * 2 - 1, 0) + 1, rtol=1e-6)


# --- saving ------------------------------------------------------------


def test_saving_into_nowhere(tmp_path: Path) -> None:
    program = sct.compile(nn.ReLU(), torch.ones(1, 3))
    with pytest.raises(SaveError):
        program.save(tmp_path / "none" / "m.sct")
    program.save(tmp_path / "m.sct")
    assert (tmp_path / "m.sct").read_bytes() == program.to_bytes()
    session = sct.Session(tmp_path / "m.sct")
    assert session.run(np.array([[-1, 0, 2]], np.float32)).tolist() == [[0, 0, 2]]
