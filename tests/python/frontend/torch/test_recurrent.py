"""LSTM, GRU and RNN against PyTorch's: layers, directions, batches, states given and kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import UnsupportedOperatorError
from secateur.program import Program

KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}


def layers(kind: str, **options: Any) -> nn.RNNBase:
    torch.manual_seed(0)
    if kind == "rnn_relu":
        options["nonlinearity"] = "relu"
    made = KINDS[kind](**options).eval()
    assert isinstance(made, nn.RNNBase)
    return made


def leaves(value: Any) -> list[torch.Tensor]:
    return [value] if isinstance(value, torch.Tensor) else [leaf for part in value for leaf in leaves(part)]


def check(module: nn.Module, *examples: Any) -> Program:
    """Compiled, then run on other numbers with one thread and with two."""
    program = sct.compile(module, examples)
    fresh = [torch.randn_like(x) for x in leaves(examples)]
    given = list(fresh)

    def as_example(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return given.pop(0)
        return tuple(as_example(part) for part in value)

    with torch.no_grad():
        want = leaves(module(*as_example(examples)))
    for threads in (1, 2):
        got = sct.Session(program, threads=threads).run(*[x.numpy() for x in fresh])
        for y, w in zip(got if isinstance(got, tuple) else [got], want, strict=True):
            np.testing.assert_allclose(y, w.numpy(), rtol=0, atol=2e-6)
    return program


def kinds_of(program: Program) -> list[str]:
    return [row.op for row in program.layers]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 3])
def test_two_layers_of_two_directions_and_all_results(kind: str, batch: int) -> None:
    module = layers(kind, input_size=5, hidden_size=6, num_layers=2, bidirectional=True)
    program = check(module, torch.randn(19, batch, 5))
    assert kinds_of(program).count("Recurrent") == 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 3])
def test_batch_first_with_states_of_the_caller(kind: str, batch: int) -> None:
    module = layers(kind, input_size=5, hidden_size=7, num_layers=2, batch_first=True)
    first: Any = torch.randn(2, batch, 7)
    if kind == "lstm":
        first = (first, torch.randn(2, batch, 7))
    program = check(module, torch.randn(batch, 4, 5), first)
    assert kinds_of(program).count("Recurrent") == 2


class Learned(nn.Module):
    """First states that are parameters, and no biases."""

    def __init__(self, kind: str, batch: int) -> None:
        super().__init__()
        self.layer, self.batch = layers(kind, input_size=4, hidden_size=9, bias=False), batch
        self.h, self.c = (nn.Parameter(torch.randn(1, 1, 9)) for _ in range(2))

    def forward(self, x: torch.Tensor) -> Any:
        h, c = (first.expand(1, self.batch, 9).contiguous() for first in (self.h, self.c))
        return self.layer(x, (h, c) if isinstance(self.layer, nn.LSTM) else h)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 2])
def test_first_states_that_are_learned(kind: str, batch: int) -> None:
    check(Learned(kind, batch).eval(), torch.randn(5, batch, 4))


class Mixed(nn.Module):
    """A state of the caller beside one that is learned: unrolled."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = layers("lstm", input_size=4, hidden_size=5)
        self.c = nn.Parameter(torch.randn(1, 1, 5))

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> Any:
        return self.layer(x, (h, self.c))


def test_one_state_given_and_one_learned() -> None:
    check(Mixed().eval(), torch.randn(3, 1, 4), torch.randn(1, 1, 5))


def test_a_sequence_of_one_step_and_one_without_a_batch() -> None:
    for kind in KINDS:
        module = layers(kind, input_size=4, hidden_size=5)
        program = check(module, torch.randn(1, 1, 4))
        assert kinds_of(program).count("Recurrent") == 1
        check(module, torch.randn(6, 4))


@pytest.mark.filterwarnings("ignore:LSTM with projections")  # PyTorch's, of its own speed
def test_an_lstm_with_a_projection() -> None:
    check(layers("lstm", input_size=4, hidden_size=6, proj_size=3, num_layers=2), torch.randn(4, 1, 4))


class Spotter(nn.Module):
    """Convolution, recurrent layer, head, as keyword spotters are."""

    def __init__(self, kind: str = "gru", **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv1d(8, 12, 3, padding=1)
        self.layer = layers(kind, input_size=12, hidden_size=16, batch_first=True, **options)
        self.head = nn.Linear(16 * (2 if options.get("bidirectional") else 1), 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.layer(torch.relu(self.conv(x)).transpose(1, 2))
        return self.head(y.mean(1))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_network_around_it_moves_nothing(kind: str) -> None:
    program = check(Spotter(kind).eval(), torch.randn(2, 8, 20))
    assert kinds_of(program) == ["Conv", "Conv", "Recurrent", "GlobalPool", "Conv"]
    assert [row.name for row in program.layers][1:3] == ["layer.weight_ih_l0", "layer.weight_hh_l0"]


def prune(module: nn.Module, sparsity: float) -> None:
    generator = np.random.default_rng(0)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "weight" in name:
                kept = generator.random(tuple(weight.shape)) >= sparsity
                weight *= torch.from_numpy(kept.astype(np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_sparse_weights_stay_sparse_and_make_the_file_small(kind: str) -> None:
    module = layers(kind, input_size=64, hidden_size=96)
    x = torch.randn(10, 1, 64)
    dense = sct.compile(module, x).file_bytes
    prune(module, 0.9)
    program = check(module, x)
    rows = [row for row in program.layers if row.op == "Recurrent"]
    assert [row.format for row in rows] == ["csr"]
    assert program.file_bytes < 0.3 * dense


@pytest.mark.parametrize("steps", [3, 40])
def test_weights_are_stored_and_packed_once_whatever_the_steps(steps: int) -> None:
    module = layers("lstm", input_size=16, hidden_size=16)
    short, long = (sct.compile(module, torch.randn(n, 1, 16), verify=False) for n in (2, steps))
    assert len(short.layers) == len(long.layers)
    assert sct.Session(short).memory["packed"] == sct.Session(long).memory["packed"]
    assert long.file_bytes < short.file_bytes + 2000


@pytest.mark.parametrize("stored", ["float16", "int8"])
def test_weights_in_fewer_bytes(stored: str) -> None:
    module, x = layers("gru", input_size=24, hidden_size=32), torch.randn(12, 1, 24)
    program = sct.compile(module, x, weights=stored)
    rows = {row.op: row.weight_dtype for row in program.layers}
    assert rows["Recurrent"] == {"float16": "f16", "int8": "i8"}[stored]
    with torch.no_grad():
        want = module(x)[0].numpy()
    got = sct.Session(program).run(x.numpy())[0]
    assert 1e-6 < float(np.abs(got - want).max()) < 0.02


class Kept(nn.Module):
    """Frames one by one, the states in buffers."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layer = layers(kind, input_size=4, hidden_size=8, num_layers=2)
        self.register_buffer("h", torch.zeros(2, 1, 8))
        self.register_buffer("c", torch.zeros(2, 1, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if isinstance(self.layer, nn.LSTM):
            y, (h, c) = self.layer(x, (self.h, self.c))
            self.c.copy_(c)
        else:
            y, h = self.layer(x, self.h)
        self.h.copy_(h)
        return y


@pytest.mark.parametrize("kind", KINDS)
def test_states_kept_from_call_to_call(kind: str) -> None:
    model, frames = Kept(kind).eval(), torch.randn(30, 1, 1, 4)
    session = sct.Session(sct.compile(model, frames[0]))
    with torch.no_grad():
        want, _ = model.layer(frames[:, 0])
    got = np.concatenate([session.run(frame.numpy()) for frame in frames])
    np.testing.assert_allclose(got, want.numpy(), rtol=0, atol=2e-6)


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # torch.export's, of its own GRU
def test_dropout_in_training_mode_is_refused() -> None:
    module = layers("gru", input_size=3, hidden_size=4, num_layers=2, dropout=0.5).train()
    with pytest.raises(UnsupportedOperatorError, match="eval"):
        sct.compile(torch.export.export(module, (torch.randn(3, 1, 3),)))
