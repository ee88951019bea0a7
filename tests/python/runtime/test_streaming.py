"""Networks called frame by frame, their state kept: the example against PyTorch over a minute of sound, and
what such calls share with one call of the whole sequence (docs/numerics.md, Recurrent layers)."""

from __future__ import annotations

import runpy
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "listen.py"


def sound(seconds: float) -> np.ndarray:
    """Tones that glide, swell and stop, over noise."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    rng = np.random.default_rng(0)
    pitch = 200 + 600 * (1 + np.sin(2 * np.pi * 0.31 * t))
    loud = np.clip(np.sin(2 * np.pi * 0.7 * t), 0, 1)
    return 0.4 * loud * np.sin(2 * np.pi * np.cumsum(pitch) / 16_000) + 0.01 * rng.standard_normal(len(t))


def pruned(layer: nn.Module, sparsity: float) -> nn.Module:
    with torch.no_grad():
        for weight in (p for p in layer.parameters() if p.dim() == 2):
            weight[weight.abs() < weight.abs().quantile(sparsity)] = 0
    return layer


@pytest.mark.parametrize(("kind", "sparsity"), [(nn.GRU, 0.9), (nn.LSTM, 0.0)])
def test_a_minute_frame_by_frame(kind: Any, sparsity: float) -> None:
    example = runpy.run_path(str(EXAMPLE))
    torch.manual_seed(0)
    layer, head = pruned(kind(40, 64, batch_first=True), sparsity), nn.Linear(64, 12)
    heard = np.concatenate(list(example["frames"](sound(60))), 1)
    assert heard.shape == (1, 5998, 40)
    with torch.no_grad():
        want = torch.softmax(head(layer(torch.from_numpy(heard))[0]), -1)[0].numpy()
    session = sct.Session(sct.compile(example["spotter"](layer, head), torch.zeros(1, 1, 40), verify=False))
    got = np.concatenate([session.run(heard[:, i : i + 1]) for i in range(heard.shape[1])])
    np.testing.assert_allclose(got, want, rtol=0, atol=5e-6)


def test_the_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = runpy.run_path(str(EXAMPLE))
    torch.manual_seed(0)
    layer, head = nn.GRU(40, 8, batch_first=True), nn.Linear(8, 3)
    with torch.no_grad():  # always the second word
        head.weight.zero_()
        head.bias.copy_(torch.tensor([0.0, 9.0, 0.0]))
    model = tmp_path / "spotter.sct"
    sct.compile(example["spotter"](layer, head), torch.zeros(1, 1, 40), verify=False, allow_empty=True).save(
        str(model)
    )
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((sound(0.5) * 32767).astype("<i2").tobytes())
    arguments = ["listen.py", str(model), str(tmp_path / "in.wav"), "--words", "yes", "no"]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out == "   0.03 s  no  score 1.00\n"


class Steps(nn.Module):
    """A layer over what it is given, from the states it is given; all that it makes."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, first: Any) -> Any:
        return self.layer(x, first)


@pytest.mark.parametrize(("kind", "sparsity"), [(nn.GRU, 0.0), (nn.LSTM, 0.8)])
def test_bits_do_not_depend_on_how_a_sequence_is_cut(kind: Any, sparsity: float) -> None:
    """Networks compiled for 1, 5 and 30 steps, where the sums of the inputs' linear layer are exact: of few
    bits, so that their order, which is another for one position than for many, makes no difference."""
    torch.manual_seed(0)
    layer = pruned(kind(12, 33), sparsity)
    assert isinstance(layer, nn.RNNBase)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_((p * 256).round() / 256)
    x = (torch.randn(30, 1, 12) * 16).round() / 16
    zeros = torch.zeros(1, 1, 33)
    first: Any = (zeros, zeros.clone()) if kind is nn.LSTM else zeros
    results = []
    for steps in (1, 5, 30):
        session = sct.Session(sct.compile(Steps(layer).eval(), (x[:steps], first), verify=False))
        states = [zeros.numpy()] * (2 if kind is nn.LSTM else 1)
        made = []
        for at in range(0, 30, steps):
            y, *states = session.run(x[at : at + steps].numpy(), *states)
            made.append(y)
        results.append(np.concatenate(made))
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
