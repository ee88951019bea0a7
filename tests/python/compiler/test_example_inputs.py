"""Example inputs give shapes and nothing else: not which inputs are one tensor, not their values."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import DTypeError, InvalidArgumentError, MismatchError

ONES = torch.ones(1, 4)


class Fn(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.tensor([[1.0, -2.0, 3.0, -4.0]]))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def two(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.relu(a) - 2 * b


BASE = torch.arange(1.0, 7.0).reshape(1, 6)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(ONES, ONES, id="one tensor"),
        pytest.param(ONES[:], ONES.view(1, 4), id="views of one tensor"),
        pytest.param(BASE[:, :4], BASE[:, 2:], id="overlapping slices"),
        pytest.param(torch.ones(1, 1).expand(1, 4), torch.ones(1, 1).expand(1, 4), id="expanded, stride 0"),
        pytest.param(BASE[:, ::2].repeat(1, 2)[:, :4], BASE[:, :4], id="strided"),
        pytest.param(torch.ones(4, 1).t(), ONES, id="transposed"),
        pytest.param(nn.Parameter(ONES), ONES, id="a parameter"),
    ],
)
def test_inputs_that_share_memory_are_two_inputs(a: torch.Tensor, b: torch.Tensor) -> None:
    session = sct.Session(sct.compile(Fn(two), (a, b)))
    x, y = np.float32([[1, -1, 2, 0.5]]), np.float32([[5, 6, 7, 8]])
    np.testing.assert_array_equal(session.run(x, y), np.maximum(x, 0) - 2 * y)


def test_an_input_that_is_a_weight_of_the_network_is_an_input() -> None:
    net = Fn(lambda x: x * 1.0)
    net.function = lambda x: torch.relu(x) * net.weight
    session = sct.Session(sct.compile(net, net.weight))
    x = np.float32([[1, 2, 3, -4]])
    np.testing.assert_array_equal(session.run(x), np.maximum(x, 0) * net.weight.detach().numpy())


def test_examples_are_left_alone() -> None:
    x = torch.ones(1, 4, requires_grad=True)
    sct.compile(Fn(torch.relu), x)
    assert x.grad is None
    assert x.requires_grad
    np.testing.assert_array_equal(x.detach().numpy(), ONES.numpy())


def test_states_of_an_lstm_that_are_the_same_zeros() -> None:
    lstm, zeros = nn.LSTM(3, 5), torch.zeros(1, 1, 5)
    x = torch.randn(2, 1, 3)
    session = sct.Session(sct.compile(lstm, (x, (zeros, zeros))))
    h, c = torch.randn(1, 1, 5), torch.randn(1, 1, 5)
    with torch.no_grad():
        y, (hn, cn) = lstm(x, (h, c))
    got = session.run(x.numpy(), h.numpy(), c.numpy())
    for mine, theirs in zip(got, (y, hn, cn), strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=0, atol=1e-6)


def test_inputs_by_keyword_and_in_containers() -> None:
    def forward(x: torch.Tensor, *, state: dict[str, Any], scale: torch.Tensor) -> torch.Tensor:
        return (x + 2 * state["h"][0]) * scale - 3 * state["h"][1]

    same = torch.ones(1, 4)
    program = sct.compile(Fn(forward), {"x": same, "state": {"h": [same, same]}, "scale": same})
    assert len(program.inputs) == 4
    x, h0, h1, scale = (np.float32([[i, 1, 2, 3]]) for i in range(1, 5))
    np.testing.assert_array_equal(program.session().run(x, h0, h1, scale), (x + 2 * h0) * scale - 3 * h1)


def test_outputs_keep_their_keys() -> None:
    program = sct.compile(Fn(lambda x: {"boxes": x + 1, "scores": [torch.relu(x), x * 2]}), ONES)
    assert list(program.outputs) == ["boxes", "scores.0", "scores.1"]
    session = program.session()
    assert [port["name"] for port in session.outputs] == ["boxes", "scores.0", "scores.1"]
    x = np.float32([[1, -2, 3, -4]])
    for got, want in zip(session.run(x), (x + 1, np.maximum(x, 0), x * 2), strict=True):
        np.testing.assert_array_equal(got, want)
    assert list(sct.compile(Fn(lambda x: {"y": torch.relu(x)}), ONES).outputs) == ["y"]
    assert list(sct.compile(Fn(lambda x: (torch.relu(x), x + 1)), ONES).outputs) == ["output_0", "output_1"]


def test_one_result_returned_twice() -> None:
    program = sct.compile(Fn(lambda x: (y := torch.relu(x), y)), ONES)
    x = np.float32([[1, -2, 3, -4]])
    for got in program.session().run(x):
        np.testing.assert_array_equal(got, np.maximum(x, 0))


class Remembers(nn.Module):
    """Takes a figure from the first input that it ever sees, as lazily initialised layers do."""

    def __init__(self, example: torch.Tensor) -> None:
        super().__init__()
        self.mean = float(example.mean())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if torch.compiler.is_compiling():
            return torch.relu(x) / self.mean
        return torch.relu(x) / x.mean()


@pytest.mark.parametrize("example", [torch.full((1, 4), 2.0), BASE[:, :4], BASE[:, :4] - 3])
def test_a_constant_taken_from_the_example_is_noticed(example: torch.Tensor) -> None:
    with pytest.raises(MismatchError, match="values of the example inputs into constants"):
        sct.compile(Remembers(example), example)
    with torch.no_grad():  # on the example itself all is well
        program = sct.compile(Remembers(example), example, verify=False)
        want = torch.relu(example) / example.mean()
    np.testing.assert_allclose(program.session().run(example.numpy()), want.numpy(), rtol=1e-6)


class Counts(nn.Module):
    calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling():
            Counts.calls += 1
        return torch.relu(x)


def test_the_network_itself_is_run_and_not_only_its_export() -> None:
    Counts.calls = 0
    net = Counts().train()
    sct.compile(net, ONES)
    assert Counts.calls == 2  # on the example, and on other values
    assert net.training


@pytest.mark.parametrize(
    "example",
    [
        torch.tensor([0.0, float("-inf")]).repeat(1, 20),  # an additive mask
        torch.tensor([0.0, 1.0]).repeat(1, 20),
        torch.linspace(0.5, 1.5, 40),
        torch.full((40,), 2.0),
        torch.zeros(40),
    ],
)
def test_fresh_inputs_stay_where_the_example_was(example: torch.Tensor) -> None:
    from secateur.frontend.torch import fresh

    a, b = fresh((example, example))
    assert a.shape == example.shape
    assert not torch.equal(a, b)
    if bool((example > 0).all()):
        assert bool((a > 0).all())
    if bool(torch.isinf(example).any()):
        assert set(a.flatten().tolist()) == {0.0, float("-inf")}


def merged() -> torch.export.ExportedProgram:
    with torch.no_grad():
        return torch.export.export(Fn(two), (ONES, ONES))


def test_a_program_exported_with_one_tensor_for_two_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="same tensor for its inputs") as caught:
        sct.compile(merged())
    assert "distinct tensors" in str(caught.value)
    torch.export.save(merged(), tmp_path / "m.pt2")
    with pytest.raises(InvalidArgumentError, match="same tensor for its inputs"):
        sct.compile(tmp_path / "m.pt2")
    with pytest.raises(InvalidArgumentError, match="same tensor for its inputs"):
        sct.compile(merged(), (ONES, ONES * 2))


def test_a_program_with_an_input_that_is_not_read_is_taken() -> None:
    program = torch.export.export(Fn(lambda *xs: torch.relu(xs[0])), (ONES, ONES * 2))
    x = np.float32([[1, -2, 3, -4]])
    np.testing.assert_array_equal(sct.compile(program).session().run(x, x), np.maximum(x, 0))


def test_what_is_no_tensor_is_refused_by_place() -> None:
    with pytest.raises(InvalidArgumentError, match=r"example input 1\[0\] is a int.*functools.partial"):
        sct.compile(Fn(two), (ONES, [3]))
    with pytest.raises(InvalidArgumentError, match="example input 'b' is a float"):
        sct.compile(Fn(two), {"a": ONES, "b": 0.5})
    with pytest.raises(DTypeError, match=r"input 1\['k'\] is int16"):
        sct.compile(Fn(two), (ONES, {"k": torch.ones(1, 4, dtype=torch.int16)}))
    with pytest.raises(InvalidArgumentError, match="not str"):
        sct.compile(Fn(two), "abcd")  # type: ignore[arg-type]
    fixed = Fn(functools.partial(torch.mul, other=0.5))
    np.testing.assert_array_equal(sct.compile(fixed, ONES).session().run(ONES.numpy()), 0.5 * ONES.numpy())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_another_dtype_are_refused_by_name(dtype: torch.dtype) -> None:
    for x in (ONES, ONES.to(dtype)):
        with pytest.raises(DTypeError, match=r"float32.*\.float\(\)") as caught:
            sct.compile(nn.Linear(4, 3).to(dtype), x)
        assert str(dtype).removeprefix("torch.") in str(caught.value)
    norm = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    norm[0].to(dtype)
    with pytest.raises(DTypeError, match=r"the weight '0\.weight' is \w+ \(and 1 more\)"):
        sct.compile(norm, ONES)


def test_pixels_as_bytes_are_told_from_token_ids() -> None:
    with pytest.raises(DTypeError, match=r"uint8.*x\.float\(\) / 255"):
        sct.compile(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
    with pytest.raises(DTypeError, match=r"int16.*numbers of tokens"):
        sct.compile(nn.Embedding(5, 4), torch.zeros(1, 3, dtype=torch.int16))


def test_autocast_around_the_call_changes_nothing() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.autocast("cpu", torch.bfloat16):
        program = sct.compile(net, ONES)
    with torch.no_grad():
        want = net(ONES).numpy()
    np.testing.assert_allclose(program.session().run(ONES.numpy()), want, rtol=0, atol=1e-6)


def test_autocast_in_the_network_is_named() -> None:
    def forward(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return (x @ torch.ones(4, 4)).float()

    with pytest.raises(sct.errors.UnsupportedOperatorError, match="bfloat16"):
        sct.compile(Fn(forward), ONES)
