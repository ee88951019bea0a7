"""Functions of one element, powers and norms: compiled, the runtime must give what PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_operators import IMAGE, TOKENS, Fn, check
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import UnsupportedOperatorError

Function = Callable[..., Any]


class WithParameters(nn.Module):
    """A function of an input and parameters."""

    def __init__(self, function: Function, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.function = function
        self.given = nn.ParameterList(torch.rand(shape, generator=generator) + 0.5 for shape in shapes)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(x, *self.given)


FUNCTIONS: dict[str, Function] = {
    "elu": lambda x: F.elu(x, 0.7),
    "celu": lambda x: F.celu(x, 0.6),
    "selu": F.selu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softplus beta": lambda x: F.softplus(x, 2.0),
    "logsigmoid": F.logsigmoid,
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "softshrink": lambda x: F.softshrink(x, 0.4),
    "threshold": lambda x: F.threshold(x, 0.3, 0.3),
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "power of 3": lambda x: 3.0**x,
    "log": lambda x: torch.log(x.abs() + 0.1),
    "log2": lambda x: torch.log2(x.abs() + 0.1),
    "log10": lambda x: torch.log10(x.abs() + 0.1),
    "log1p": lambda x: torch.log1p(x.abs()),
    "sqrt": lambda x: x.abs().sqrt(),
    "rsqrt": lambda x: (x.abs() + 0.1).rsqrt(),
    "abs": torch.abs,
    "sin": lambda x: torch.sin(9 * x),
    "cos": lambda x: torch.cos(9 * x),
    "erf": torch.erf,
    "reciprocal": lambda x: (x.abs() + 0.5).reciprocal(),
    "square": torch.square,
    "product of all": lambda x: (x.abs() + 0.5).prod(),
    "product along": lambda x: (x + 0.5).prod(1),
    "product along the last": lambda x: (x + 0.5).prod(-1, keepdim=True),
    "cumulative product": lambda x: (x + 0.5).cumprod(-1),
    "cumulative product along": lambda x: (x + 0.5).cumprod(1),
    "logaddexp": lambda x: torch.logaddexp(x, 2 * x.flip(1)),
    "bucketize": lambda x: torch.bucketize(x, torch.tensor([-1.0, 0.0, 0.5])) * x,
    "bucketize right": lambda x: torch.bucketize(x.sign(), torch.tensor([-1.0, 0.0, 0.5]), right=True) * x,
    "diagonal": lambda x: (x.flatten(-2) if x.dim() > 3 else x).diagonal(1, -2, -1),
    "logcumsumexp": lambda x: torch.logcumsumexp(30 * x, -1),
    "cummax": lambda x: torch.cummax(x, 1)[0],
    "cummin and places": lambda x: torch.cat([v.float() for v in torch.cummin(x.round(), -1)]),
    "erfc": torch.erfc,
    "threshold of another value": lambda x: F.threshold(x, 0.3, -2.0),
    "softplus from early on": lambda x: F.softplus(x, 2.0, 1.0),
    "rrelu": lambda x: F.rrelu(x, 0.1, 0.4),
    "x^5": lambda x: x**5,
    "x^40": lambda x: x.clamp(-1.1, 1.1) ** 40,
    "x^0": lambda x: x**0 + x,
    "x^-2": lambda x: (x.abs() + 0.5) ** -2,
    "x^0.5": lambda x: x.abs() ** 0.5,
    "x^-0.5": lambda x: (x.abs() + 0.5) ** -0.5,
    "x^0.75": lambda x: x.relu() ** 0.75,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    check(Fn(FUNCTIONS[name]), IMAGE)
    check(Fn(lambda conv, x: FUNCTIONS[name](conv(x)), nn.Conv2d(4, 6, 1)), IMAGE)


def test_power_by_a_parameter() -> None:
    check(WithParameters(lambda x, p: x.clamp(min=1e-3).pow(p).mean((2, 3)).pow(1 / p), (1,)), IMAGE)


def test_prelu_by_channel() -> None:
    module = nn.PReLU(4)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([0.1, -0.2, 0.3, 1.5]))
    check(nn.Sequential(nn.Conv2d(4, 4, 3), module), IMAGE)


NORMS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "group": (nn.GroupNorm(2, 4), (2, 4, 9, 11)),
    "group of all": (nn.GroupNorm(1, 6), (1, 6, 5, 7)),
    "group without parameters": (nn.GroupNorm(3, 6, affine=False), (2, 6, 13)),
    "instance": (nn.InstanceNorm2d(4), (2, 4, 9, 11)),
    "instance affine": (nn.InstanceNorm2d(4, affine=True), IMAGE),
    "instance tracked": (nn.InstanceNorm2d(4, affine=True, track_running_stats=True), IMAGE),
    "instance 1d": (nn.InstanceNorm1d(5, affine=True), (2, 5, 17)),
    "rms": (nn.RMSNorm(12), TOKENS),
    "rms eps": (nn.RMSNorm(12, eps=1e-3), (2, 7, 12)),
    "local response": (nn.LocalResponseNorm(3, 0.1, 0.75, 2.0), IMAGE),
}


@pytest.mark.parametrize("name", NORMS)
def test_norm(name: str) -> None:
    module, shape = NORMS[name]
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in (*module.parameters(), *module.buffers()):
            if p.is_floating_point():
                p.copy_(torch.rand(p.shape, generator=generator) + 0.5)
    check(nn.Sequential(module), shape)


def test_group_norm_far_from_zero() -> None:
    """Two passes: the variance of values around 100 is not lost."""
    check(Fn(lambda norm, x: norm(x + 100), nn.GroupNorm(2, 4)), IMAGE)


def spelled_out_rms(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def global_response(x: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    """ConvNeXt V2's, channels last."""
    g = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
    n = g / (g.mean(dim=-1, keepdim=True) + 1e-6)
    return gamma * (x * n) + beta + x


STATISTICS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "rms spelled out": (WithParameters(spelled_out_rms, (12,)), TOKENS),
    "global response": (WithParameters(global_response, (6,), (6,)), (1, 5, 7, 6)),
    "normalize": (Fn(lambda x: F.normalize(x, dim=1)), IMAGE),
    "normalize tokens": (Fn(lambda x: F.normalize(x, dim=-1)), TOKENS),
    "normalize by sum": (Fn(lambda x: F.normalize(x, p=1.0, dim=1)), IMAGE),
    "norm of positions": (Fn(lambda x: x.norm(dim=(2, 3))), IMAGE),
    "maximum norm": (Fn(lambda x: torch.linalg.vector_norm(x, float("inf"), (2, 3))), IMAGE),
    "log_softmax": (Fn(lambda x: F.log_softmax(30 * x, dim=1)), IMAGE),
    "log_softmax of classes": (Fn(lambda m, x: F.log_softmax(m(x), -1), nn.Linear(12, 9)), (3, 12)),
    "norm of order 3": (Fn(lambda x: torch.linalg.vector_norm(x, 3, 1)), IMAGE),
    "norm of order 0": (Fn(lambda x: torch.linalg.vector_norm(x.relu(), 0, 1)), IMAGE),
    "least size": (Fn(lambda x: torch.linalg.vector_norm(x, -float("inf"), 1)), IMAGE),
    "logsumexp of two": (Fn(lambda x: torch.logsumexp(40 * x, (1, 3))), IMAGE),
    "logsumexp of all": (Fn(lambda x: torch.logsumexp(x, (0, 1, 2, 3), keepdim=True) + x), IMAGE),
    "group norm of features": (Fn(lambda m, x: m(x[0]), nn.GroupNorm(3, 12)), (1, 7, 12)),
    "batch statistics": (Fn(lambda m, x: m(x), nn.BatchNorm2d(4, track_running_stats=False)), (3, 4, 5, 2)),
    "batch statistics 1d": (
        Fn(lambda m, x: m(x), nn.BatchNorm1d(6, track_running_stats=False, affine=False)),
        (5, 6),
    ),
    "distance": (Fn(lambda x: torch.dist(x, 2 * x.flip(1)) * x), IMAGE),
    "logsumexp": (Fn(lambda x: torch.logsumexp(x, 1)), IMAGE),
    "variance": (Fn(lambda x: x.var((2, 3))), IMAGE),
    "variance biased": (Fn(lambda x: x.var(1, unbiased=False, keepdim=True)), IMAGE),
    "deviation": (Fn(lambda x: x.std((2, 3))), IMAGE),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics(name: str) -> None:
    check(*STATISTICS[name])


def test_log_softmax_of_what_the_softmax_rounds_to_zero() -> None:
    module = Fn(lambda x: F.log_softmax(200 * x, dim=1))
    program = check(module, (1, 5, 3, 4))
    x = torch.zeros(1, 5, 3, 4)
    x[:, 2] = 1
    y = torch.from_numpy(program.session().run(x.numpy()))
    assert (y[:, 0] == -200).all()
    assert (y[:, 2] == 0).all()


REFUSED: dict[str, tuple[Function, str]] = {
    "a power": (lambda x: x**4000, "the power 4000"),
    "logic of bits": (lambda x: x.argmax(1) & 6, "logic of bits, but of the lowest ones"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name: str) -> None:
    function, reason = REFUSED[name]
    with pytest.raises(UnsupportedOperatorError, match=reason):
        sct.compile(Fn(function), torch.randn(IMAGE))
