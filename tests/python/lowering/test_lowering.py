"""Lowering as a frontend without torch uses it: arrays in, a graph out, compared with plain loops."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from secateur.ir import Graph, verify
from secateur.ir.reference import run_graph
from secateur.lowering import attention, binary, conv, linear, norm, pool, reduce, shape, unary
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.ports import input_port, output_port, readings
from secateur.lowering.unsupported import Problem, Unsupported, UnsupportedLayout, message


def start(dims: tuple[int, ...], reading: str) -> tuple[Builder, Any, Tensor]:
    b = Builder()
    b.node_name = "layer"
    port, x = input_port(b, "x", dims, reading)
    return b, port, x


def run(b: Builder, port: Any, y: Any, x: np.ndarray) -> np.ndarray:
    assert isinstance(y, Tensor)
    graph = Graph("net", [port], [output_port(b, y, "y")], b.ops)
    verify(graph)
    return np.asarray(run_graph(graph, [x])[0][0])


def normal(*dims: int) -> np.ndarray:
    return np.random.default_rng(len(dims)).standard_normal(dims).astype(np.float32)


def test_an_image_network() -> None:
    x, w, m = normal(2, 3, 5, 6), normal(4, 3, 3, 3), normal(7, 4)
    b, port, t = start((2, 3, 5, 6), "BCPP")
    t = conv.convolution(b, t, w, None, stride=[2, 1], pads=[(1, 1), (0, 2)], dilation=[1, 1])
    t = unary.clip(b, t, 0, 6)
    t = reduce.reduce(b, t, [2, 3], False, "mean")
    got = run(b, port, linear.contract(b, t, -1, m, None), x.astype(np.float64))

    padded = np.zeros((2, 3, 7, 8))
    padded[:, :, 1:6, :6] = x
    planes = np.zeros((2, 4, 3, 6))
    for i in range(3):
        for j in range(6):
            window = padded[:, :, 2 * i : 2 * i + 3, j : j + 3]
            planes[:, :, i, j] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3)))
    want = np.clip(planes, 0, 6).mean((2, 3)) @ m.T
    np.testing.assert_allclose(got, want, atol=1e-10)


def test_a_token_network() -> None:
    x, w, gamma = normal(2, 5, 8), normal(8, 8), normal(8)
    b, port, t = start((2, 5, 8), "BPC")
    t = norm.layer_norm(b, t, 1, gamma, None, 1e-5)
    q = shape.swap(shape.reshape_tensor(b, linear.contract(b, t, -1, w, None), [2, 5, 2, 4]), 1, 2)
    y = attention.attend(b, q, q, q, 0.5)
    y = shape.reshape_tensor(b, shape.swap(y, 1, 2), [2, 5, 8])
    got = run(b, port, binary.two_tensors(b, y, t, "add"), x.astype(np.float64))

    centred = x.astype(np.float64) - x.astype(np.float64).mean(-1, keepdims=True)
    n = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gamma
    h = (n @ w.T).reshape(2, 5, 2, 4)
    want = np.empty((2, 5, 2, 4))
    for item in range(2):
        for head in range(2):
            s = np.exp(0.5 * h[item, :, head] @ h[item, :, head].T)
            want[item, :, head] = s / s.sum(-1, keepdims=True) @ h[item, :, head]
    np.testing.assert_allclose(got, want.reshape(2, 5, 8) + n, atol=1e-9)


def test_pools_count_what_they_are_told() -> None:
    x = normal(1, 1, 1, 5)
    b, port, t = start((1, 1, 5), "BCP")
    t = pool.pool(b, t, "average", kernel=[3], stride=[2], pad=[1], count_pad=True)
    got = run(b, port, t, x[0])
    v = x[0, 0, 0].astype(np.float64)
    np.testing.assert_allclose(got[0, 0], [(v[0] + v[1]) / 3, v[1:4].sum() / 3, (v[3] + v[4]) / 3], atol=1e-6)


def test_reasons() -> None:
    b, _, x = start((2, 4, 6), "BCP")
    with pytest.raises(UnsupportedLayout, match=r"^a reshape of \(2, 4, 6\) to \(3, 16\)"):
        shape.reshape(b, x, [3, 16])
    with pytest.raises(Unsupported, match="enlarges"):
        binary.combine(b, x, np.ones((3, 2, 4, 6), np.float32), "add")
    problems = [
        Problem("sort", "", "net.py:3"),
        Problem("pad", "reflect", ""),
        Problem("sort", "", "net.py:9"),
    ]
    assert message(problems) == "2 operators are not supported: sort x2 at net.py:3, net.py:9; pad (reflect)"
    assert message(problems[:1]).startswith("1 operator is")
    assert readings((1, 9))[0] == "BC"
    assert readings((3, 9))[0] == "PC"


def test_torch_is_not_needed() -> None:
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch':\n"
        "            raise ImportError('torch was imported')\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import importlib, pkgutil, secateur.lowering as lowering\n"
        "for file in pkgutil.iter_modules(lowering.__path__):\n"
        "    importlib.import_module(f'secateur.lowering.{file.name}')\n"
        "print(sum(1 for _ in pkgutil.iter_modules(lowering.__path__)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
