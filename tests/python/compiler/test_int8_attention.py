"""Attention of int8 networks: in bytes where it reads bytes, in f32 where it has a mask or is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur import _core
from secateur.quantize import static

TOKENS, DIM, HEADS = 21, 24, 3


class Encoder(nn.Module):
    """One block; mask: None, "causal", or an additive one."""

    def __init__(self, mask: str | None = None) -> None:
        super().__init__()
        self.causal = mask == "causal"
        self.register_buffer("mask", torch.randn(TOKENS, TOKENS) if mask == "added" else None)
        self.project = nn.Linear(DIM, 3 * DIM)
        self.out = nn.Linear(DIM, DIM)
        self.last = nn.Linear(DIM, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = (x.shape[0], TOKENS, HEADS, DIM // HEADS)
        q, k, v = (y.reshape(shape).transpose(1, 2) for y in self.project(x).chunk(3, -1))
        y = nn.functional.scaled_dot_product_attention(q, k, v, self.mask, is_causal=self.causal)
        z: torch.Tensor = self.last(torch.relu(self.out(y.transpose(1, 2).reshape(x.shape))))
        return z


def compiled(mask: str | None, *keep: str) -> tuple[Encoder, sct.Program, torch.Tensor]:
    torch.manual_seed(0)
    net = Encoder(mask).eval()
    x = torch.randn(8, TOKENS, DIM)
    q = static(net, x, example_inputs=x[:1], keep_outputs=False, budget=None, method="robust", trials=0)
    return net, sct.compile(net, x[:1], quantize=q.keep(*keep) if keep else q), x


def attention_of(program: sct.Program) -> str:
    (row,) = (row for row in program.layers if row.op == "Attention")
    return row.reason.split(":")[0]


@pytest.mark.parametrize("mask", [None, "causal"])
def test_attention_in_bytes(mask: str | None) -> None:
    net, program, x = compiled(mask)
    assert attention_of(program) == "i8"
    assert any("int8 operators to the bit, 0 in f32" in line for line in program.report)
    with sct.Session(program, isa="scalar") as session:
        want = session.run(x[1:2].numpy())
    with torch.no_grad():
        exact = net(x[1:2]).numpy()
    assert np.abs(want - exact).max() < 0.05 * np.abs(exact).max()
    for isa in _core.available_isas():
        for threads in range(1, min(3, _core.available_cpus()) + 1):
            got = sct.Session(program, isa=isa, threads=threads).run(x[1:2].numpy())
            np.testing.assert_array_equal(got, want, err_msg=f"{isa}, {threads} threads")


@pytest.mark.parametrize(("mask", "keep"), [("added", ()), (None, ("*attention*",))])
def test_attention_in_f32(mask: str | None, keep: tuple[str, ...]) -> None:
    _, program, _ = compiled(mask, *keep)
    assert attention_of(program) == "f32"
