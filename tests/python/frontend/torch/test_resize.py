"""`F.interpolate` in every mode, compiled, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur import _core

SIZES: list[dict[str, Any]] = [
    {"size": (7, 9)},
    {"size": (3, 2)},
    {"size": (1, 1)},
    {"size": (5, 12)},
    {"scale_factor": 2},
    {"scale_factor": (1.7, 2.3)},
    {"scale_factor": 0.6},
]


class Interpolate(nn.Module):
    def __init__(self, **how: Any) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(F.interpolate(x, **self.how))


def check(how: dict[str, Any], x: torch.Tensor) -> None:
    model = Interpolate(**how)
    program = sct.compile(model, x)
    assert [layer.op for layer in program.layers] == ["Resize"], "the activation is fused"
    want = model(x).numpy()
    for isa in _core.available_isas():
        got = sct.Session(program, isa=isa).run(x.numpy())
        # 16 terms of at most 2 in size, and PyTorch's own roundings of weights and sums.
        np.testing.assert_allclose(got, want, atol=0 if "nearest" in how["mode"] else 8e-6, err_msg=isa)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_images(mode: str, size: dict[str, Any]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 6)
    if "nearest" in mode:
        check({**size, "mode": mode}, x)
        return
    for align_corners in (False, True):
        check({**size, "mode": mode, "align_corners": align_corners}, x)


@pytest.mark.parametrize("how", [{"mode": "nearest"}, {"mode": "nearest-exact"}, {"mode": "linear"}], ids=str)
def test_sequences(how: dict[str, Any]) -> None:
    x = torch.randn(1, 4, 9)
    check({"scale_factor": 2, **how}, x)
    check({"size": 5, **how}, x)


def test_a_feature_pyramid() -> None:
    """What detectors do: a coarse map is brought to the finer one's size and added."""

    class Neck(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine, self.coarse = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            fine = F.silu(self.fine(x))
            coarse = F.silu(self.coarse(fine))
            return torch.cat([F.interpolate(coarse, scale_factor=2), fine], 1)

    torch.manual_seed(0)
    model, x = Neck().eval(), torch.randn(1, 3, 16, 24)
    got = sct.Session(sct.compile(model, x)).run(x.numpy())
    np.testing.assert_allclose(got, model(x).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_antialiased(mode: str, size: dict[str, Any]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 9)
    for align_corners in (False, True):
        check({**size, "mode": mode, "align_corners": align_corners, "antialias": True}, x)
