"""Functions of two numbers, kinds of numbers and bits: the runtime must give what PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from test_operators import Fn

import secateur as sct
from secateur import _core

X = torch.tensor([[-7.5, -2.0, -1.0, -0.5, 0.0, 0.0, 0.3, 1.0, 2.0, 3.7, 1e30, -1e30]])
Y = torch.tensor([[2.0, -3.0, 3.0, 4.0, -1.0, 0.7, -2.0, 0.0, 2.5, 0.5, 1e30, 1e20]])

FUNCTIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "fmax": lambda x, y: torch.cat([torch.fmax(x, y), torch.fmin(x, y)]),
    "hypot": torch.hypot,
    "hypot of a constant": lambda x, y: torch.hypot(x, Y) + 0 * y,
    "logaddexp2": lambda x, y: torch.logaddexp2(x.clamp(-50, 50), y.clamp(-50, 50)),
    "copysign": torch.copysign,
    "copysign of constants": lambda x, y: torch.copysign(x, Y) + torch.copysign(Y, y),
    "heaviside": torch.heaviside,
    "xlogy": lambda x, y: torch.xlogy(x.clamp(-9, 9), y.abs() + 0.5),
    "xlogy at zero": lambda x, y: torch.xlogy(x.relu().clamp(max=9), x.relu().clamp(max=9)) + 0 * y,
    "xlog1py": lambda x, y: torch.special.xlog1py(x, y.abs()),
    "entropy": lambda x, y: torch.special.entr(x.abs().clamp(max=9)) + 0 * y,
    "ldexp": lambda x, y: torch.ldexp(x, y.clamp(-5, 5).round()),
    "signbit": lambda x, y: torch.signbit(x + 0.1).float() + 0 * y,
    "logic of numbers": lambda x, y: torch.stack(
        [torch.logical_and(x, y), torch.logical_or(x, y), torch.logical_xor(x, y), torch.logical_not(x)]
    ).float(),
}


def run(function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    got = sct.Session(sct.compile(Fn(function), inputs)).run([x.numpy() for x in inputs])
    assert isinstance(got, np.ndarray)
    return got, function(*inputs).numpy()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    got, want = run(FUNCTIONS[name], X, Y)
    np.testing.assert_allclose(got, want, rtol=3e-6, atol=1e-6)


def test_powers_of_computed_numbers() -> None:
    """Below zero whole exponents have a sign and others no value; the power 0 is 1."""
    base = torch.tensor([[-2.0, -2.0, -2.0, -1.5, 0.0, 0.0, 0.0, 3.0, 0.7, -0.9]])
    exponent = torch.tensor([[3.0, 2.0, 0.0, 0.5, 2.0, 0.0, 1.0, -1.5, 4.2, -3.0]])
    for function in (torch.pow, lambda x, e: x**exponent + 0 * e, lambda x, e: base**e + 0 * x):
        program = sct.compile(Fn(function), (base.abs() + 0.1, exponent))
        got = program.session().run(base.numpy(), exponent.numpy())
        np.testing.assert_allclose(got, function(base, exponent).numpy(), rtol=5e-6, atol=1e-30)


def test_a_constant_to_computed_powers() -> None:
    scale = torch.tensor([1.0, 2.0, 10.0])
    x = torch.randn(4, 3)
    got, want = run(lambda x: scale**x, x)
    np.testing.assert_allclose(got, want, rtol=3e-6)


@pytest.mark.parametrize("isa", _core.available_isas())
def test_numbers_that_are_none(isa: str) -> None:
    """What is infinite or no number is told exactly, on every instruction set."""
    x = torch.tensor([[1.0, np.nan, np.inf, -np.inf, 0.0, -3e38, 1e-45]])
    for function in (torch.isnan, torch.isinf, torch.isfinite):
        program = sct.compile(Fn(lambda x, f=function: f(x).float()), torch.randn(1, 7))
        got = sct.Session(program, isa=isa).run(x.numpy())
        np.testing.assert_array_equal(got, function(x).float().numpy())
    program = sct.compile(Fn(lambda x: torch.nan_to_num(x, 0.5, posinf=9.0)), torch.randn(1, 7))
    want = torch.nan_to_num(x, 0.5, posinf=9.0)
    np.testing.assert_array_equal(sct.Session(program, isa=isa).run(x.numpy()), want.numpy())


def test_bits() -> None:
    ids = torch.arange(-9, 30).reshape(1, 39)
    got, want = run(lambda x: torch.stack([x << 3, x >> 2, x & 7, ~x]).float(), ids)
    np.testing.assert_array_equal(got, want)
