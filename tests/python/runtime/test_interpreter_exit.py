"""Daemon threads that are inside the runtime while the interpreter ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

# While modules are torn down, `last` lets other threads run: the daemon comes out of the runtime and finds
# the interpreter gone.
PROGRAM = """
import os
import sys
import threading
import types
import numpy as np
from secateur import _core
from secateur.runtime import Session
from secateur.runtime.examples import relu_model

class Last:
    def __init__(self):
        self.open, self.file, self.write = _core.Model, MODEL, os.write  # globals are None by then
    def __del__(self):
        for _ in range(300):
            self.open(self.file)
        self.write(1, b"torn down")

MODEL = relu_model((1, 2, 16, 16))
X = np.zeros((1, 2, 16, 16), np.float32)
sys.modules["holder"] = types.ModuleType("holder")  # nothing but the interpreter holds it
sys.modules["holder"].last = Last()
started = threading.Event()

def work(session, call, started):
    call(session)
    started.set()
    while True:
        call(session)

threading.Thread(target=work, args=(Session(MODEL), CALL, started), daemon=True).start()
started.wait()
"""


@pytest.mark.parametrize(
    "call",
    ["lambda s, x=X: s.run(x)", "lambda s: s.profile(2)", "lambda s, m=MODEL, new=Session: new(m)"],
    ids=["run", "profile", "open"],
)
def test_a_daemon_thread_does_not_abort_the_process(call: str) -> None:
    program = PROGRAM.replace("CALL", call)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "torn down"
