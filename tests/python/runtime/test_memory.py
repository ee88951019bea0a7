"""What a session adds to its process at the peak, on the networks that secateur is measured on, at 90%.

pytest -m slow -s tests/python/runtime/test_memory.py        prints the figures
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ALLOWANCE = 2 << 20  # beside packed weights and planned activations

# In a process of its own, without torch: opens the model, runs it, and tells the peak of its memory.
MEASURE = r"""
import json, re, sys, time
import numpy as np
from secateur.runtime import Session
from secateur.runtime.examples import relu_model

def status(key):
    found = re.search(key + r":\s+(\d+)", open("/proc/self/status").read())
    return 1024 * int(found[1])

path, threads = sys.argv[1], int(sys.argv[2])
first = Session(relu_model((1, 2, 1, 3)), threads=threads)  # the library's own code comes into memory
first.run(np.zeros((1, 2, 1, 3), np.float32))
del first
x = np.load(path + ".npy")
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")  # forgets the peak so far
before = status("VmRSS")
start = time.perf_counter()
session = Session(path, threads=threads)
opened = time.perf_counter() - start
bytes_out = [session.run(x).nbytes for _ in range(3)][0]
report = {"grown": status("VmHWM") - before, "output": bytes_out, "opened": opened, **session.memory}
print(json.dumps(report))
"""


@pytest.mark.slow
@pytest.mark.parametrize("network", ["mobilenet_v1", "mobilenet_v2", "resnet50", "encoder"])
def test_peak_memory_of_a_session(network: str, tmp_path: Path) -> None:
    import secateur as sct
    from secateur import zoo
    from secateur.bench.networks import pruned_copy

    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not tell a process's peak")
    module, inputs = zoo.make(network)
    pruned = pruned_copy(module, inputs, 0.9, keep_dense=zoo.NETWORKS[network].keep_dense)
    path = tmp_path / "model.sct"
    sct.compile(pruned, inputs, verify=False).save(path)
    np.save(f"{path}.npy", inputs[0].numpy())
    for threads in (1, 2):
        command = [sys.executable, "-c", MEASURE, str(path), str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "threads asked for" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        own = found["packed"] + found["arena"] + found["output"]
        megabytes = {key: round(value / 1e6, 2) for key, value in found.items() if key != "opened"}
        print(
            f"{network}, {threads} threads: {megabytes} MB; beside weights, activations and output "
            f"{(found['grown'] - own) / 1e6:.2f} MB; opened in {1e3 * found['opened']:.0f} ms"
        )
        assert found["packed"] < found["grown"] <= own + ALLOWANCE
