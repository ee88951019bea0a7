"""Mixtures of experts as they are written and exported, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import secateur as sct
from secateur.errors import UnsupportedOperatorError

if not hasattr(torch.ops.transformers, "grouped_mm_fallback"):  # where the package is, it has defined it

    @torch.library.custom_op("transformers::grouped_mm_fallback", mutates_args=())
    def _grouped(input: torch.Tensor, weight: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
        out = torch.zeros(input.shape[0], weight.shape[2])
        begin = 0
        for i, end in enumerate(offs.tolist()):
            out[begin:end] = input[begin:end] @ weight[i]
            begin = end
        return out

    @_grouped.register_fake
    def _(input: torch.Tensor, weight: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
        return torch.empty(input.shape[0], weight.shape[2])


class Sorted(nn.Module):
    """Rows sorted by expert, one product for each run, and back: the form of transformers."""

    def __init__(self, experts: int = 3, top: int = 2) -> None:
        super().__init__()
        self.gate, self.top, self.experts = nn.Linear(6, experts), top, experts
        self.w = nn.Parameter(torch.randn(experts, 5, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, chosen = self.gate(x).softmax(-1).topk(self.top, -1)
        expert, perm = chosen.reshape(-1).sort()
        counts = torch.histc(expert.float(), bins=self.experts, min=0, max=self.experts - 1)
        ends = counts.cumsum(0, dtype=torch.int32)
        rows = x[perm // self.top]
        y = torch.ops.transformers.grouped_mm_fallback(rows, self.w.transpose(1, 2), ends)
        y = y * weight.reshape(-1)[perm][:, None]
        back = torch.empty_like(perm)
        back[perm] = torch.arange(perm.shape[0])
        return y[back].view(x.shape[0], self.top, -1).sum(1)


def same(module: nn.Module, *inputs: torch.Tensor) -> None:
    module.eval()
    fresh = [torch.randn_like(x) for x in inputs]
    with torch.no_grad():
        want = module(*fresh)
    got = sct.Session(sct.compile(module, inputs)).run(*(x.numpy() for x in fresh))
    np.testing.assert_allclose(got, want.numpy(), rtol=0, atol=2e-5 * max(1.0, float(want.abs().max())))


@pytest.mark.parametrize(("experts", "top"), [(3, 2), (2, 1)])
def test_rows_sorted_by_expert(experts: int, top: int) -> None:
    torch.manual_seed(experts)
    same(Sorted(experts, top), torch.randn(4, 6))


class Counted(nn.Module):
    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.histc(x * 4, bins=5, min=self.low, max=self.high)


def test_a_histogram_counts_what_lies_between_its_ends() -> None:
    same(Counted(-3, 5), torch.randn(40))
    edges = torch.tensor([[-3.0, 5.0, 5.5, -3.5, 0.0, 1.0]]) / 4
    got = sct.Session(sct.compile(Counted(-3, 5), (torch.randn(1, 6),))).run(edges.numpy())
    np.testing.assert_array_equal(got, torch.histc(edges * 4, 5, -3, 5).numpy())
    with pytest.raises(UnsupportedOperatorError, match="between the least and the largest"):
        sct.compile(Counted(0, 0), (torch.randn(4),))


def test_distances_of_all_pairs() -> None:
    class Far(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("codes", torch.randn(6, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cdist(x, self.codes) + torch.cdist(x, 2 * x[:6], p=1.0)

    same(Far(), torch.randn(8, 3))


class Put(nn.Module):
    """Rows put at computed places of a buffer."""

    def __init__(self, accumulate: bool) -> None:
        super().__init__()
        self.accumulate = accumulate
        self.register_buffer("held", torch.arange(12.0).view(4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        where = x[:, 0].argsort()[:2]
        return self.held.clone().index_put((where,), x[:2], accumulate=self.accumulate)


@pytest.mark.parametrize("accumulate", [False, True])
def test_rows_put_at_computed_places(accumulate: bool) -> None:
    same(Put(accumulate), torch.randn(4, 3))


def test_elements_put_at_constant_places() -> None:
    class Held(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x.exp()
            y[:, [0, 2]] = 2 * x[:, :2]
            return y.index_put((torch.tensor([[True, False, False], [False, True, False]]),), x[0, :2])

    same(Held(), torch.randn(2, 3))


def test_norms_of_volumes_scale_each_channel() -> None:
    """Group and instance norms whose statistics are no planes."""
    for norm in (nn.InstanceNorm3d(4, affine=True), nn.GroupNorm(2, 4)):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        same(nn.Sequential(nn.Conv3d(1, 4, 2), norm, nn.LeakyReLU()), torch.randn(1, 1, 3, 4, 4))


def test_what_is_not_written_is_zero() -> None:
    class Fresh(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.empty(3, 2)
            y[1:] = x
            return F.relu(y[1:] + y[:2] * 0)

    same(Fresh(), torch.randn(2, 2))
