"""Networks that take numbers of tokens, against PyTorch; numbers outside of the vocabulary are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from test_operators import Fn
from torch import nn

import secateur as sct
from secateur.errors import DTypeError, InvalidArgumentError
from secateur.program import Program

VOCABULARY = 50


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.int64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCABULARY, shape, generator=generator, dtype=dtype)


def check(module: nn.Module, *examples: torch.Tensor) -> Program:
    """Compiled (and verified there), then run on other numbers with one thread and with two."""
    module = module.eval()
    program = sct.compile(module, examples)
    fresh = [
        torch.randn(x.shape) if x.is_floating_point() else numbers(*x.shape, seed=7, dtype=x.dtype)
        for x in examples
    ]
    with torch.no_grad():
        want = module(*fresh).numpy()
    for threads in (1, 2):
        y = sct.Session(program, threads=threads).run([x.numpy() for x in fresh])
        np.testing.assert_allclose(y, want, rtol=0, atol=2e-5 * max(1.0, float(np.abs(want).max())))
    return program


class Encoder(nn.Module):
    """Tokens, their places and their kind, as BERT adds them; two layers of a transformer, and a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(VOCABULARY, 24, padding_idx=0)
        self.places = nn.Embedding(16, 24)
        self.kinds = nn.Embedding(2, 24)
        self.norm = nn.LayerNorm(24)
        layer = nn.TransformerEncoderLayer(24, 4, 48, 0.0, "gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(24, 3)
        self.register_buffer("order", torch.arange(16)[None])

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        ids = ids.view(-1, ids.shape[-1])
        places = self.places(self.order[:, : ids.shape[1]])
        x = self.words(ids) + places + self.kinds(torch.zeros_like(ids))
        y = self.layers(self.norm(x))
        return self.head(y[:, 0])


@pytest.mark.parametrize("batch", [1, 3])
def test_encoder(batch: int) -> None:
    program = check(Encoder(), numbers(batch, 11))
    assert program.layers[0].op == "Embedding"


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
@pytest.mark.parametrize("shape", [(5,), (1, 9), (2, 7), (2, 3, 4)])
def test_embedding_alone(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    check(nn.Embedding(VOCABULARY, 17), numbers(*shape, dtype=dtype))


def test_computed_and_reordered_ids() -> None:
    table = nn.Embedding(VOCABULARY + 1, 8)
    check(Fn(lambda m, ids: m(ids + 1), table), numbers(1, 6))
    check(Fn(lambda m, ids: m(ids.t()), table), numbers(3, 6))


def test_ids_beside_numbers_and_twice() -> None:
    def function(table: nn.Module, other: nn.Module, ids: torch.Tensor, x: torch.Tensor) -> Any:
        return table(ids) * x + other(ids.long())

    parts = nn.Embedding(VOCABULARY, 12), nn.Embedding(VOCABULARY + 9, 12)
    check(Fn(function, *parts), numbers(2, 6), torch.randn(2, 6, 12))


def test_classes_of_text() -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 20)
            self.conv = nn.Conv1d(20, 12, 3, padding=1)
            self.head = nn.Linear(12, 4)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            y = self.conv(self.embedding(ids).transpose(1, 2)).relu()
            return self.head(y.amax(2))

    check(Bag(), numbers(1, 13))


def test_a_number_outside_of_the_vocabulary_is_an_error() -> None:
    module = Fn(lambda a, b, ids: a(ids) + b(ids), nn.Embedding(VOCABULARY, 8), nn.Embedding(40, 8))
    ids = numbers(1, 6) % 40
    session = sct.compile(module, ids).session()
    for wrong in (-1, 40, 2**40, -(2**62)):  # 40: of the smaller table
        bad = ids.numpy().copy()
        bad[0, 4] = wrong
        with pytest.raises(InvalidArgumentError, match=rf"holds {wrong} at element 4: .* from 0 to 39"):
            session.run(bad)
    assert session.run(ids.numpy()).shape == (1, 6, 8)
    with pytest.raises(DTypeError, match="int64"):
        session.run(ids.numpy().astype(np.int32))


def test_refusals() -> None:
    table = nn.Embedding(VOCABULARY, 8)
    with pytest.raises(DTypeError, match="int16"):
        sct.compile(table, numbers(1, 6).to(torch.int16))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_any_sizes(mode: str) -> None:
    """Their first ids as an input or constant; one is empty, and a padded id does not count."""
    torch.manual_seed(0)
    ids = numbers(9)
    for options in ({}, {"include_last_offset": True}, {"padding_idx": int(ids[1])}):
        module = nn.EmbeddingBag(VOCABULARY, 6, mode=mode, **options)
        offsets = torch.tensor([0, 2, 2, 7] + ([9] if "include_last_offset" in options else []))
        for function, inputs in (
            (lambda m, i, o: m(i, o), (ids, offsets)),
            (lambda m, i, o=offsets: m(i, o), (ids,)),
        ):
            program = sct.compile(Fn(function, module), inputs)
            want = function(module, *inputs).detach().numpy()
            got = program.session().run([x.numpy() for x in inputs])
            np.testing.assert_allclose(got, want, atol=2e-6)


def test_bags_with_weights() -> None:
    module = nn.EmbeddingBag(VOCABULARY, 6, mode="sum")
    ids, offsets, weights = numbers(7), torch.tensor([0, 3]), torch.rand(7)
    function = Fn(lambda m, i, o, w: m(i, o, per_sample_weights=w), module)
    got = sct.compile(function, (ids, offsets, weights)).session()
    want = function(ids, torch.tensor([0, 5]), weights).detach().numpy()
    np.testing.assert_allclose(got.run([ids.numpy(), np.array([0, 5]), weights.numpy()]), want, atol=2e-6)


def test_inputs_without_dimensions(tmp_path: Any) -> None:
    """A step or a factor that is one number, as diffusion networks take it."""
    table = torch.arange(80.0).view(10, 8)

    def network(x: torch.Tensor, step: torch.Tensor, scale: torch.Tensor, on: torch.Tensor) -> torch.Tensor:
        wave = torch.sin(step.float() * torch.arange(8) / 8) + nn.functional.embedding(step, table)
        return torch.where(on, x * scale + wave, x)

    inputs = torch.randn(2, 6, 8), torch.tensor(3), torch.tensor(0.5), torch.tensor(True)
    sct.compile(Fn(network), inputs).save(tmp_path / "net.sct")
    session = sct.Session(tmp_path / "net.sct")
    for step, scale, on in ((7, -2.0, True), (0, 1.0, False)):
        others = inputs[0], torch.tensor(step), torch.tensor(scale), torch.tensor(on)
        got = session.run([x.numpy() for x in others])
        np.testing.assert_allclose(got, network(*others).numpy(), rtol=1e-6, atol=1e-6)
