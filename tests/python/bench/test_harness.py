"""Turns, refusals, and what is kept of the samples: with engines whose times the test decides."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from secateur.bench.engines.base import EngineError
from secateur.bench.harness import OUTPUT_TOLERANCE, compare_outputs, measure
from secateur.bench.watch import Watch
from secateur.bench.workload import Workload
from secateur.deploy.facts import Sensors, told

sys.path.insert(0, str(Path(__file__).parent))
from fakes import FakeEngine


@pytest.fixture
def workload() -> Workload:
    torch.manual_seed(0)
    return Workload("net", torch.nn.Linear(4, 3).eval(), (np.ones((2, 4), np.float32),))


def test_engines_take_turns_sample_by_sample(workload: Workload) -> None:
    log: list[str] = []
    engines = [FakeEngine(name, log) for name in "abc"]
    outcomes = measure(engines, workload, samples=4, warmup=2)
    turns = [log[i] for i in range(len(log))]
    assert turns[:6] == list("abcabc")  # warm-up
    # Each turn is an untimed inference and a timed one; who begins rotates.
    rounds = ["".join(turns[6 + 6 * r : 12 + 6 * r]) for r in range(4)]
    assert rounds == ["aabbcc", "bbccaa", "ccaabb", "aabbcc"]
    assert [len(o.samples) for o in outcomes] == [4, 4, 4]
    # 2 warm-up calls, then every second one is kept.
    assert outcomes[0].samples == [1004, 1006, 1008, 1010]
    assert [e.closed for e in engines] == [1, 1, 1]


def test_a_wrong_answer_is_refused_and_never_timed(workload: Workload) -> None:
    log: list[str] = []
    right, wrong = FakeEngine("right", log), FakeEngine("wrong", log, offset=0.1)
    ok, refused = measure([right, wrong], workload, samples=2, warmup=1)
    assert (ok.status, refused.status) == ("ok", "refused")
    assert "wrong" not in log
    assert refused.samples == []
    assert refused.summary is None
    assert "differs from PyTorch by 0.1" in refused.message
    assert wrong.closed == 1


def test_nan_and_shape_are_wrong_answers(workload: Workload) -> None:
    engine = FakeEngine("nan", [], offset=float("nan"))
    assert measure([engine], workload, samples=1)[0].status == "refused"
    one = [np.ones((1, 3), np.float32)]
    assert "shape" in compare_outputs([np.ones((3,), np.float32)], one)[2]
    assert "outputs" in compare_outputs([], one)[2]


def test_tolerance_scales_with_the_reference() -> None:
    reference = [np.array([100.0, 1.0], np.float32)]
    near = [reference[0] + np.float32(0.9 * OUTPUT_TOLERANCE * 100)]
    far = [reference[0] + np.float32(1.1 * OUTPUT_TOLERANCE * 100)]
    assert compare_outputs(near, reference)[2] == ""
    assert "differs" in compare_outputs(far, reference)[2]
    both_nan = [np.array([np.nan, 1.0], np.float32)]
    assert compare_outputs(both_nan, both_nan)[2] == ""


def test_missing_engine_says_how_to_get_it(workload: Workload) -> None:
    outcomes = measure(
        [FakeEngine("a", []), FakeEngine("b", [], missing="pip install b")], workload, samples=1
    )
    assert [(o.status, o.message) for o in outcomes] == [("ok", ""), ("not installed", "pip install b")]


def test_runners_are_closed_and_gc_is_back_when_one_dies(workload: Workload) -> None:
    engines = [FakeEngine("a", []), FakeEngine("b", [], dies_at=3)]
    with pytest.raises(EngineError, match="died"):
        measure(engines, workload, samples=5, warmup=1)
    assert [e.closed for e in engines] == [1, 1]
    assert gc.isenabled()


@pytest.mark.parametrize("arguments", [{"samples": 0}, {"warmup": -1}, {"threads": 0}])
def test_bad_arguments(workload: Workload, arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        measure([], workload, **arguments)


def test_outcome_as_json(workload: Workload) -> None:
    (outcome,) = measure([FakeEngine("a", [])], workload, samples=3, warmup=0)
    kept = outcome.to_dict()
    assert kept["samples_ns"] == [1002, 1004, 1006]
    assert kept["stats_ns"]["median"] == 1004
    assert kept["max_abs_err"] == 0


def test_turns_go_on_until_each_engine_has_its_time(workload: Workload) -> None:
    """Engine a takes 1000 ns and more, b 10 times as long: a decides."""
    engines = [FakeEngine("a", []), FakeEngine("b", [], base=10_000)]
    a, b = measure(engines, workload, samples=2, warmup=0, least_ns=5_000)
    assert len(a.samples) == len(b.samples) == 5
    assert sum(a.samples[:4]) < 5_000 <= sum(a.samples)
    (more,) = measure([FakeEngine("a", [])], workload, samples=9, warmup=0, least_ns=5_000)
    assert len(more.samples) == 9
    # Nobody to wait for.
    (none,) = measure([FakeEngine("a", [], missing="pip")], workload, samples=2, least_ns=5_000)
    assert none.samples == []


def test_sensors_are_looked_at_from_the_first_sample_to_the_last(workload: Workload) -> None:
    degrees = iter(range(40, 100))
    watch = Watch(lambda: Sensors(celsius=float(next(degrees))))
    measure([FakeEngine("a", [])], workload, samples=20, warmup=3, watch=watch)
    assert [count for count, _ in watch.looks] == [*range(0, 20, 2), 20]
    found = told(watch.take())
    assert found["celsius"] == [40.0, 50.0]
    assert watch.looks == []
