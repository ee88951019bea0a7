"""What a network keeps in its buffers lives from run to run: compiled, it is what PyTorch keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import DTypeError, MismatchError
from secateur.ir.reference import run_graph

STEPS = 5


class Spotter(nn.Module):
    """One step of a GRU whose state is a buffer, written in place or put in its place."""

    def __init__(self, in_place: bool = True, inputs: int = 8, width: int = 16) -> None:
        super().__init__()
        self.cell, self.head, self.in_place = nn.GRUCell(inputs, width), nn.Linear(width, 4), in_place
        self.register_buffer("h", torch.zeros(1, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.in_place:
            self.h.copy_(self.cell(x, self.h))
        else:
            self.h = self.cell(x, self.h)
        return self.head(self.h)


class Whole(nn.Module):
    """All steps in one call."""

    def __init__(self, step: nn.Module) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.step(x[i : i + 1]) for i in range(x.shape[0])])


def spotter(in_place: bool = True) -> Spotter:
    torch.manual_seed(0)
    model = Spotter(in_place).eval()
    with torch.no_grad():
        model.h.normal_()
    return model


def steps_of(model: nn.Module, frames: torch.Tensor) -> list[np.ndarray]:
    with torch.no_grad():
        return [model(frame[None]).numpy().copy() for frame in frames]


def run_steps(session: sct.Session, frames: torch.Tensor) -> list[np.ndarray]:
    return [session.run(frame[None].numpy()) for frame in frames]


@pytest.mark.parametrize("in_place", [True, False])
def test_a_state_is_kept_as_pytorch_keeps_it(in_place: bool) -> None:
    model, frames = spotter(in_place), torch.randn(STEPS, 8)
    first = model.h.clone()
    program = sct.compile(model, frames[:1])
    assert torch.equal(model.h, first), "compiling leaves the network's own state alone"
    assert (program.inputs, program.outputs) == ({"x": (1, 8)}, {"output": (1, 4)})
    session = sct.Session(program)
    assert session.memory["state"] == 64
    got, want = run_steps(session, frames), steps_of(model, frames)
    np.testing.assert_allclose(got, want, atol=1e-6)
    session.reset()
    np.testing.assert_array_equal(run_steps(session, frames), got)


def test_steps_of_one_equal_one_of_all_to_the_bit_and_weights_are_packed_once() -> None:
    model, frames = spotter(), torch.randn(STEPS, 8)
    step = sct.Session(sct.compile(model, frames[:1]))
    whole = sct.Session(sct.compile(Whole(model), frames))
    np.testing.assert_array_equal(np.concatenate(run_steps(step, frames)), whole.run(frames.numpy()))
    assert whole.memory["packed"] == step.memory["packed"]


class Averages(nn.Module):
    """Images and vectors that are kept, one read before it is replaced; and what no output depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.register_buffer("image", torch.zeros(1, 3, 5, 6))
        self.register_buffer("last", torch.ones(1, 3))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("unread", torch.zeros(1, 3))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        before = self.last.clone()
        self.image.mul_(0.5).add_(self.conv(x))
        self.last.copy_(self.image.mean((2, 3)))
        self.calls += 1
        self.unread.add_(before)
        return torch.relu(self.image), before


def test_several_states_and_what_is_never_read() -> None:
    torch.manual_seed(1)
    model, frames = Averages().eval(), torch.randn(4, 1, 3, 5, 6)
    program = sct.compile(model, frames[0])
    assert [state.name for state in program.graph.states] == ["image", "last"]
    session = sct.Session(program)
    for frame in frames:
        with torch.no_grad():
            want = [y.numpy().copy() for y in model(frame)]
        for y, w in zip(session.run(frame.numpy()), want, strict=True):
            np.testing.assert_allclose(y, w, atol=1e-6)


def test_a_file_keeps_the_first_value_and_any_session_its_own() -> None:
    model, frames = spotter(), torch.randn(STEPS, 8)
    data = sct.compile(model, frames[:1]).to_bytes()
    want = steps_of(model, frames)
    one, other = sct.Session(data), sct.Session(data)
    np.testing.assert_allclose(run_steps(one, frames), want, atol=1e-6)
    np.testing.assert_allclose(run_steps(other, frames), want, atol=1e-6)


def test_the_graph_is_a_function_of_what_it_keeps() -> None:
    model, frames = spotter(), torch.randn(2, 8)
    graph = sct.compile(model, frames[:1]).graph
    want = steps_of(model, frames)
    kept = [state.first.astype(np.float64) for state in graph.states]
    for frame, w in zip(frames, want, strict=True):
        y, *kept = run_graph(graph, [frame[None].double().numpy(), *kept])[0]
        np.testing.assert_allclose(y, w, atol=1e-6)


def test_a_kept_number_that_is_read_is_refused_by_name() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("steps", torch.zeros(1, dtype=torch.int64))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.steps += 1
            return x * self.steps

    with pytest.raises(DTypeError, match="buffer 'steps', which the model changes while it runs"):
        sct.compile(Counts(), torch.ones(1, 4))


def test_a_runtime_that_keeps_the_wrong_thing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from secateur.emit import writer

    def stale(state: object, constants: object) -> dict[str, object]:
        return {"residence": "state", "buffer": None}  # zeros, whatever the network starts from

    monkeypatch.setattr(writer, "_kept", stale)
    with pytest.raises(MismatchError):
        sct.compile(spotter(), torch.randn(1, 8))
