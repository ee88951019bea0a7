"""Programs that come quantised (PT2E's operators): int8 layers by their own scales and bytes.

The operators are PyTorch's, written by hand as torchao's quantizers place them; what is right is what PyTorch
gives for the quantised program itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.ao.quantization.fx._decomposed
import torch.nn.functional as F
from torch import Tensor, nn

import secateur as sct
from secateur.errors import InvalidArgumentError, UnsupportedOperatorError

OPS = torch.ops.quantized_decomposed
BYTES = {torch.int8: (-128, 127), torch.uint8: (0, 255)}


def pair(x: Tensor, scale: float, zero: int, dtype: torch.dtype = torch.int8) -> Tensor:
    codes = OPS.quantize_per_tensor(x, scale, zero, *BYTES[dtype], dtype)
    return OPS.dequantize_per_tensor(codes, scale, zero, *BYTES[dtype], dtype)


class Bytes(nn.Module):
    """A weight of bytes with a scale a row."""

    def __init__(self, *shape: int, seed: int = 0, zeros: float = 0.0) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        codes = torch.randint(-127, 128, shape, generator=rng)
        codes[torch.rand(shape, generator=rng) < zeros] = 0
        self.register_buffer("codes", codes.to(torch.int8))
        self.register_buffer("scales", 0.002 + 0.01 * torch.rand(shape[0], generator=rng))
        self.register_buffer("zeros", torch.zeros(shape[0], dtype=torch.int64))
        self.bias = nn.Parameter(torch.randn(shape[0], generator=rng))

    def forward(self) -> Tensor:
        return OPS.dequantize_per_channel(self.codes, self.scales, self.zeros, 0, -127, 127, torch.int8)


class Net(nn.Module):
    """Convolution, depthwise, residual sum, pooling and a linear layer."""

    def __init__(self, dtype: torch.dtype = torch.int8, zeros: float = 0.0) -> None:
        super().__init__()
        self.dtype = dtype
        self.one, self.two = Bytes(8, 4, 3, 3, zeros=zeros), Bytes(8, 1, 3, 3, seed=1)
        self.three, self.last = Bytes(8, 8, 1, 1, seed=2, zeros=zeros), Bytes(5, 8, seed=3)

    def pair(self, x: Tensor, scale: float, zero: int) -> Tensor:
        return pair(x, scale, zero + (128 if self.dtype is torch.uint8 else 0), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pair(x, 0.02, 3)
        x = self.pair(F.relu(F.conv2d(x, self.one(), self.one.bias, padding=1)), 0.03, -128)
        y = self.pair(F.conv2d(x, self.two(), self.two.bias, padding=1, groups=8), 0.05, 0)
        y = self.pair(F.conv2d(y, self.three(), self.three.bias), 0.06, 4)
        y = self.pair(self.pair(x + y, 0.06, -20).mean((2, 3)), 0.06, -20)
        return self.pair(F.linear(y, self.last(), self.last.bias), 0.03, 0)


X = torch.randn(1, 4, 9, 7, generator=torch.Generator().manual_seed(9))


def run(program: Any, x: Tensor) -> Any:
    return sct.Session(program.to_bytes()).run(x.numpy())


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8])
def test_bytes_and_scales_are_the_programs(dtype: torch.dtype) -> None:
    net = Net(dtype).eval()
    program = sct.compile(net, X)
    assert sum("4 of 4 layers in i8" in line for line in program.report) == 1
    generator = torch.Generator().manual_seed(10)
    for _ in range(4):
        x = torch.randn(X.shape, generator=generator)
        with torch.no_grad():
            wanted = net(x).numpy()
        # A sum is rounded once here and after each operator there: at most a step of the output.
        np.testing.assert_allclose(run(program, x), wanted, atol=0.03 * 1.001, rtol=0)


def test_zeros_stay_sparse() -> None:
    net = Net(zeros=0.8).eval()
    program = sct.compile(net, X)
    zeros = {row.name: row.sparsity for row in program.layers if row.name in ("one", "three")}
    assert zeros["one"] == pytest.approx(float((net.one.codes == 0).double().mean()))
    assert zeros["three"] == pytest.approx(float((net.three.codes == 0).double().mean()))


def test_a_file_is_taken_without_trust(tmp_path: Path) -> None:
    net = Net().eval()
    torch.export.save(torch.export.export(net, (X,)), tmp_path / "net.pt2")
    program = sct.compile(tmp_path / "net.pt2")
    np.testing.assert_array_equal(run(program, X), run(sct.compile(net, X), X))


def test_scales_survive_decompositions() -> None:
    class Odd(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.pair(torch.rad2deg(x) * 0.02, 0.02, 3)  # torch knows it by others
            return self.pair(F.conv2d(x, self.one(), self.one.bias, padding=1), 0.1, 0)

    net = Odd().eval()
    program = sct.compile(net, X)
    assert any("quantize: 1 of 2 layers in i8" in line for line in program.report)  # torch's parts hold one
    with torch.no_grad():
        np.testing.assert_allclose(run(program, X), net(X).numpy(), atol=0.1001, rtol=0)


def test_calibrating_it_again_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"came quantised: secateur\.compile takes it by its own"):
        sct.quantize.static(Net().eval(), [X], example_inputs=X)
    q = sct.quantize.static(nn.Conv2d(4, 4, 1).eval(), [X], example_inputs=X)
    with pytest.raises(InvalidArgumentError, match=r"came quantised: it is compiled by its own scales"):
        sct.compile(Net().eval(), X, quantize=q)


def test_what_is_no_pair_of_bytes_is_named() -> None:
    class Narrow(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            codes = OPS.quantize_per_tensor(x, 0.1, 0, -8, 7, torch.int8)
            return OPS.dequantize_per_tensor(codes, 0.1, 0, -8, 7, torch.int8)

    with pytest.raises(UnsupportedOperatorError, match=r"quantize_per_tensor.* in a pair .*0 to 255"):
        sct.compile(Narrow(), X)
