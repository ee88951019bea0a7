"""`Session(cpus=...)`: its own threads run there, the caller's does not move."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

import secateur as sct
from secateur import _core
from secateur.errors import InvalidArgumentError
from secateur.runtime.examples import relu_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads are bound to CPUs on Linux")
MODEL = relu_model((1, 2, 1, 3))


@pytest.mark.parametrize(
    "form", [str, lambda cpu: [cpu], lambda cpu: (cpu, cpu), lambda cpu: np.array([cpu])]
)
def test_threads_are_as_many_as_the_cpus(form) -> None:
    before = os.sched_getaffinity(0)
    cpu = max(before)
    for threads in (0, 1, 7):
        with sct.Session(MODEL, threads=threads, cpus=form(cpu)) as session:
            assert session.threads == 1
            assert session.run(np.full((1, 2, 1, 3), -1, np.float32)).max() == 0
    assert os.sched_getaffinity(0) == before


def test_threads_run_there() -> None:
    """As Linux tells it of each thread that was not there before."""
    cpus = os.sched_getaffinity(0)
    if len(cpus) < 2:
        pytest.skip("one CPU")
    chosen = sorted(cpus)[:2]
    before = set(os.listdir("/proc/self/task"))
    with sct.Session(MODEL, threads=2, cpus=f"{chosen[1]},{chosen[0]}") as session:
        new = set(os.listdir("/proc/self/task")) - before
        assert session.threads == 2
        assert len(new) == 1
        assert os.sched_getaffinity(int(new.pop())) == set(chosen)


@pytest.mark.parametrize(
    ("cpus", "words"),
    [
        ("first", "'first' is no list of CPUs"),
        ("", "names no CPU"),
        ([], "names no CPU"),
        ([-1], "'-1' is no list of CPUs"),
        ("999999", "CPU 999999 is none that this process may use"),
    ],
)
def test_what_is_no_cpu_of_ours(cpus, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        sct.Session(MODEL, cpus=cpus)


def test_how_many_threads() -> None:
    cpu = str(min(os.sched_getaffinity(0)))
    assert [_core.threads_on(n, cpu) for n in (0, 1, 4)] == [1, 1, 1]
    assert [_core.threads_on(n, "") for n in (0, 1, 4)] == [0, 1, 4]
