"""What a device without torch says when it is asked for what needs torch."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["compile", "prune"])
def test_one_sentence_names_the_extra(name: str) -> None:
    """`compile` takes ONNX files without torch, and asks for it when it is given a PyTorch network."""
    call = "compile('x.pt2')" if name == "compile" else name
    program = f"import sys; sys.modules['torch'] = None; import secateur; secateur.{call}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"secateur.{name} needs torch" in last
    assert "secateur-nn[torch]" in last
