"""The command where packages are missing: on a device, and before torch is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REFUSE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {refused}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = ['secateur', *{words}]
from secateur.cli import main
main()
"""


def without(refused: set[str], *words: object) -> subprocess.CompletedProcess[str]:
    """The command in a Python where these packages are not installed."""
    code = REFUSE.format(refused=refused, words=[str(word) for word in words])
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


DEVICE = {"torch", "sklearn", "matplotlib", "scipy"}


def test_inspect_and_run_need_neither_torch_nor_plots(model: Path, tmp_path: Path) -> None:
    assert without(DEVICE, "inspect", model).returncode == 0
    done = without(DEVICE, "run", model, "--output", tmp_path / "y.npy", "--profile")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "y.npy").shape == (1, 8, 8, 8)


@pytest.mark.parametrize(
    "words",
    [["compile", "mobilenet_v1", "-o", "m.sct"], ["verify", "{model}", "--against", "resnet50"], ["demo"]],
)
def test_missing_torch_is_one_sentence(model: Path, words: list[str]) -> None:
    done = without(DEVICE, *(word.format(model=model) for word in words))
    assert done.returncode == 1
    assert done.stderr == "secateur: error: this needs torch: pip install 'secateur-nn[torch]'\n"


def test_missing_typer_is_one_sentence() -> None:
    done = without({"typer"}, "--help")
    assert done.returncode == 1
    assert done.stderr == (
        "secateur: error: the command needs typer: pip install 'secateur-nn[cli]' "
        "(secateur.Session does without)\n"
    )
    for word in ("-V", "--version"):
        assert without({"typer", "rich"}, word).stdout.startswith("secateur 0.")


@pytest.mark.parametrize(
    "words",
    [
        ["compile", "lenet", "-o", "m.sct"],
        ["compile", "mobilenet_v1", "-o", "m.sct", "--target", "abacus"],
        ["compile", "mobilenet_v1", "-o", "m.sct", "--checkpoint", "absent.pt"],
        ["compile", "absent.pt2", "-o", "m.sct"],
        ["compile", "absent.py:make", "-o", "m.sct"],
        ["compile", "mobilenet_v1", "-o", "m.bin"],
        ["verify", "absent.sct", "--against", "mobilenet_v1"],
        ["bench", "--network", "lenet"],
    ],
)
def test_bad_words_are_refused_before_torch_is_loaded(words: list[str]) -> None:
    done = without({"torch"}, *words)
    assert done.returncode == 1
    assert "needs torch" not in done.stderr
