"""Writes tests/golden/i8.*: an int8 network, an input, and what its operators' definitions make of it.

    python tests/golden/make_i8.py tests/golden

Bytes have one right answer (docs/numerics.md), so every later version has to give these bits. Run it only
for a new file under another name: those that are there stay.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import secateur as sct
from secateur.ir.reference import run_graph
from secateur.prune import prune_oneshot
from secateur.quantize import static


class Network(nn.Module):
    """What runs in int8: sparse, dense and depthwise layers, pools, a sum, a gate, a table, attention."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 1, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.mix = nn.Conv2d(16, 16, 1)
        self.gate = nn.Conv2d(16, 16, 1)
        self.project = nn.Linear(16, 48)
        self.out = nn.Linear(16, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.max_pool2d(torch.relu(self.stem(x)), 3, 2, 1)
        y = y + self.mix(nn.functional.silu(self.depthwise(y)))
        y = y * torch.sigmoid(self.gate(y.mean((2, 3), keepdim=True)))
        tokens = torch.cat([y, nn.functional.avg_pool2d(y, 3, 1, 1)], 3).flatten(2).transpose(1, 2)
        q, k, v = (t.reshape(1, -1, 2, 8).transpose(1, 2) for t in self.project(tokens).chunk(3, -1))
        z = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(1, -1, 16)
        last: torch.Tensor = self.out(z)
        return last


def main(folder: Path) -> None:
    torch.manual_seed(0)
    net = Network().eval()
    for weight in net.parameters():
        if weight.dim() > 1:  # wide enough for the outputs to differ
            nn.init.normal_(weight, 0, 3 / weight[0].numel() ** 0.5)
    images = torch.randn(8, 1, 3, 9, 9)
    prune_oneshot(net, sparsity=0.6, pattern="1x4 by tap")
    q = static(net, list(images), example_inputs=images[0], keep_outputs=False, budget=None)
    program = sct.compile(net, images[0], quantize=q)
    x = images[0].numpy()
    print(*program.report, sep="\n")
    (got,), _ = run_graph(program.graph, [x])
    program.save(folder / "i8.sct")
    x.astype("<f4").tofile(folder / "i8.input0.bin")
    np.asarray(got).astype("<f4").tofile(folder / "i8.output0.bin")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
