"""What a device without torch says when it is asked for what needs torch."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["compile", "prune"])
def test_one_sentence_names_the_extra(name: str) -> None:
    program = f"import sys; sys.modules['torch'] = None; import secateur; secateur.{name}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"secateur.{name} needs torch" in last
    assert "secateur-nn[torch]" in last
