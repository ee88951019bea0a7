"""Inputs that are no numbers or hardly any, weights without nonzeros, shapes beyond any machine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import RuntimeUnavailableError, SecateurError, ShapeError


def padded_network() -> nn.Module:
    """Windows that reach into padding; no weight is zero, so that any input flows as in PyTorch."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        nn.ReLU6(),
        nn.Conv2d(8, 16, 1),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(16, 4, 3, padding=1),
    ).eval()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_reaches_its_windows_and_no_later_inference(value: float) -> None:
    net = padded_network()
    clean = torch.randn(1, 3, 17, 13)
    session = sct.compile(net, clean).session()
    before = session.run(clean.numpy())
    for place in ((0, 0, 0, 0), (0, 2, 16, 12), (0, 1, 8, 12), (0, 0, 9, 0)):
        spoiled = clean.clone()
        spoiled[place] = value
        with torch.no_grad():
            want = net(spoiled).numpy()
        got = session.run(spoiled.numpy())
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        numbers = ~np.isnan(want)
        np.testing.assert_allclose(got[numbers], want[numbers], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(session.run(clean.numpy()), before)


def test_pruned_weights_leave_infinity_out() -> None:
    """Where PyTorch multiplies it by the zero: docs/numerics.md."""
    layer = nn.Conv2d(64, 8, 1, bias=False)
    with torch.no_grad():
        layer.weight[:, 1:] = 0
        layer.weight[:, 0] = 1
    x = torch.ones(1, 64, 4, 4)
    session = sct.compile(layer, x).session()
    assert session.layers[0]["format"] != "dense"
    x[0, 5, 2, 2] = float("inf")
    np.testing.assert_array_equal(session.run(x.numpy()), np.ones((1, 8, 4, 4), np.float32))


def test_denormal_numbers_are_not_flushed() -> None:
    layer = nn.Conv2d(4, 4, 3, padding=1, groups=1, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(4):
            layer.weight[channel, channel, 1, 1] = 2.0
    session = sct.compile(layer, torch.randn(1, 4, 5, 7)).session()
    x = (np.arange(1, 141, dtype=np.float32) * np.float32(1.5e-45)).reshape(1, 4, 5, 7)
    assert 0 < x.max() < np.finfo(np.float32).tiny
    np.testing.assert_array_equal(session.run(x), 2 * x)


@pytest.mark.parametrize("kernel", [1, 3])
def test_rows_and_layers_without_nonzeros(kernel: int) -> None:
    torch.manual_seed(1)
    convs = [nn.Conv2d(8, 8, kernel, padding=kernel // 2) for _ in range(3)]
    with torch.no_grad():
        convs[0].weight[::2] = 0
        convs[1].weight.zero_()
        convs[2].weight[:7] = 0
    net = nn.Sequential(
        convs[0], nn.ReLU(), convs[1], nn.ReLU(), convs[2], nn.Flatten(), nn.Linear(200, 6)
    ).eval()
    with torch.no_grad():
        net[6].weight[1:] = 0
    x = torch.randn(1, 8, 5, 5)
    session = sct.compile(net, x, allow_empty=True).session()
    assert session.layers[1]["nnz"] == 0
    with torch.no_grad():
        want = net(x).numpy()
    np.testing.assert_allclose(session.run(x.numpy()), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 2**20, 2**12, 2**12), (1, 2**15, 2**15, 2**31 - 1), (1, 2**20, 2**20)])
def test_shapes_that_overflow_an_arena_are_refused(shape: tuple[int, ...]) -> None:
    x = torch.zeros(1).expand(*shape)
    with pytest.raises(ShapeError, match="too large"):
        sct.compile(nn.ReLU(), x)


def test_an_arena_larger_than_the_machine_is_refused_when_it_is_opened() -> None:
    x = torch.zeros(1).expand(1, 2**18, 2**10, 2**10)
    program = sct.compile(nn.ReLU(), x, verify=False)
    with pytest.raises(RuntimeUnavailableError, match="activations 1099"):
        program.session()
    assert issubclass(RuntimeUnavailableError, SecateurError)
