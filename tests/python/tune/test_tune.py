"""`tune`: with a made-up clock, its order, its files and its interrupt; on this machine, that what it writes
is read, decides plans, and changes no result beyond rounding. No test looks at a time."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from secateur import _core
from secateur.errors import InvalidArgumentError, MachineProfileWarning, ModelFileError, ModelNotFoundError
from secateur.machine import load_profile
from secateur.runtime import Session
from secateur.tune import Progress, tune
from secateur.tune.layers import Shape, layer_model

SMALL = Shape(16, 24, 9, 3)


class MadeUp:
    """A tuner of three layers, of which the second is the one during which the user interrupts."""

    def __init__(self, interrupt: int | None = None) -> None:
        self.plans: list[list[int]] = []
        self.models: list[bytes] = []
        self.interrupt = interrupt

    def __len__(self) -> int:
        return 3

    def resume(self, profile: str) -> None:
        raise ModelFileError("it is of the CPU x86-Other-1-2")

    def add_model(self, data: bytes, formats: bool = True) -> None:
        self.models.append(data)

    def layer_name(self, i: int) -> str:
        return f"layer {i}"

    def measure_peaks(self) -> None:
        pass

    def measure(self, i: int, seconds: float) -> None:
        assert seconds == pytest.approx(0.1)
        if i == self.interrupt:
            raise KeyboardInterrupt
        self.plans.append([10 * (i + 1)] * len(_core.PROFILE_COLUMNS))

    def profile(self, cpu_name: str = "") -> str:
        return f"{len(self.plans)} plans of {cpu_name}"


def test_each_layer_is_measured_saved_and_told(tmp_path: Path) -> None:
    steps: list[Progress] = []
    tuner = MadeUp()
    path = tune([b"model"], seconds=0.3, output=tmp_path / "p.json", progress=steps.append, tuner=tuner)
    assert tuner.models == [b"model"]
    assert [(s.done, s.total, s.layer, s.ns) for s in steps] == [
        (1, 3, "layer 0", 10),
        (2, 3, "layer 1", 20),
        (3, 3, "layer 2", 30),
    ]
    assert path.read_text().startswith("3 plans of ")


def test_an_interrupt_keeps_what_was_measured(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        tune([b"model"], seconds=0.3, output=tmp_path / "p.json", tuner=MadeUp(interrupt=1))
    assert (tmp_path / "p.json").read_text().startswith("1 plans of ")
    assert [p.name for p in tmp_path.iterdir()] == ["p.json"]


def test_another_machines_profile_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text("theirs")
    with pytest.raises(
        InvalidArgumentError, match=r"cannot be added to: it is of the CPU x86-Other-1-2; name"
    ):
        tune([b"model"], seconds=0.3, output=path, tuner=MadeUp())
    assert path.read_text() == "theirs"
    tune([b"model"], seconds=0.3, output=path, tuner=MadeUp(), fresh=True)
    assert path.read_text().startswith("3 plans")


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"there is no model file .*none\.sct"):
        tune([tmp_path / "none.sct"], output=tmp_path / "p.json")
    with pytest.raises(InvalidArgumentError, match="seconds is 0"):
        tune([b""], seconds=0, output=tmp_path / "p.json")
    with pytest.raises(ModelFileError):
        tune([b"no model"], output=tmp_path / "p.json")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The profile of a layer at 20%, in CSR and dense."""
    path = tmp_path_factory.mktemp("tuned") / "p.json"
    return tune([layer_model(SMALL, 0.2)], seconds=0.02, output=path)


def test_a_profile_holds_the_machine_and_each_form_of_each_layer(tuned: Path) -> None:
    profile = load_profile(tuned)
    assert profile.cpu == _core.cpu_identity()
    assert profile.isa == _core.selected_isa()
    assert [(row.format, row.positions) for row in profile.layers] == [("csr", 81), ("dense", 81)]
    csr, dense = profile.layers
    assert dense.macs == 24 * 16 * 9 * 81
    assert csr.density == pytest.approx(0.2, abs=0.05)
    assert profile.find(csr.shape, "csr", 1, csr.density) == pytest.approx(csr.ns)
    assert profile.find(csr.shape, "csr", 1, 1.1 * csr.density) == pytest.approx(1.1 * csr.ns)
    assert profile.find(csr.shape, "csr", 1, 2 * csr.density) is None
    assert profile.find(dense.shape, "dense", 1, 1.0, threads=2) is None
    assert tuned.stat().st_size < 4000
    # Added to, not begun anew: another layer, and the first one again.
    tune([layer_model(SMALL, 0.2), layer_model(Shape(8, 8, 5), 1.0)], seconds=0.02, output=tuned)
    assert len(load_profile(tuned).layers) >= 3


def test_a_model_opened_with_a_profile_runs_by_it_and_computes_the_same(tuned: Path) -> None:
    model = layer_model(SMALL, 0.2)
    x = np.random.default_rng(0).standard_normal((1, 16, 9, 9)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Session(model) as shipped, Session(model, profile=tuned) as session:
            assert shipped.machine["profile"] == ""
            assert session.machine == {
                "family": shipped.machine["family"],
                "profile": str(tuned),
                "warning": "",
            }
            assert shipped.layers[0]["measured_ns"] == 0
            row = load_profile(tuned).layers[0]
            assert session.layers[0]["measured_ns"] == row.ns
            assert session.layers[0]["planned_ns"] >= row.ns
            bound = 16 * np.sqrt(144) * 2.0**-24 * np.abs(shipped.run(x)).max()
            np.testing.assert_allclose(session.run(x), shipped.run(x), rtol=0, atol=bound)


def damaged(tuned: Path, change: dict[str, object]) -> str:
    return json.dumps({**json.loads(tuned.read_text()), **change})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"cpu": "arm-41-d08"}, "it is of the CPU arm-41-d08, this one is"),
        ({"secateur_profile": 7}, "its version is 7"),
        ({"isa": "scalar", "family": "scalar"}, "it is of scalar on scalar"),
        ({"plans": [[1]]}, "it is no machine profile"),
    ],
)
def test_one_that_does_not_fit_is_one_warning_and_the_shipped_table(
    tuned: Path, tmp_path: Path, change: dict[str, object], why: str
) -> None:
    path = tmp_path / "other.json"
    path.write_text(damaged(tuned, change))
    with pytest.warns(MachineProfileWarning, match=why) as caught:
        session = Session(layer_model(SMALL, 0.2), profile=path)
    assert session.machine["profile"] == ""
    assert session.layers[0]["measured_ns"] == 0
    assert len(caught) == 1
    assert str(path) in str(caught[0].message)


def test_the_environment_and_the_users_folder_name_profiles(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = layer_model(SMALL, 0.2)
    monkeypatch.setenv("SECATEUR_PROFILE", str(tuned))
    assert Session(model).machine["profile"] == str(tuned)
    assert Session(model, profile="none").machine["profile"] == ""
    monkeypatch.setenv("SECATEUR_PROFILE", str(tmp_path / "none.json"))
    with pytest.warns(MachineProfileWarning, match="there is no such file"):
        Session(model)
    monkeypatch.delenv("SECATEUR_PROFILE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Session(model).machine == {**Session(model).machine, "profile": "", "warning": ""}
    own = Path(_core.profile_path())
    assert own.parent == tmp_path / "secateur"
    own.parent.mkdir()
    own.write_bytes(tuned.read_bytes())
    assert Session(model).machine["profile"] == str(own)
    own.write_text("{")
    with pytest.warns(MachineProfileWarning, match="no machine profile"):
        Session(model)


def test_the_command_tunes_and_inspect_says_what_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from secateur.cli import inspect as inspect_verb
    from secateur.cli import tune as tune_verb

    model, profile = tmp_path / "m.sct", tmp_path / "p.json"
    model.write_bytes(layer_model(SMALL, 0.2))
    tune_verb.command([model], output=profile, seconds=0.02)
    said = capsys.readouterr().out
    assert "[1/2] csr 16->24 @ 9x9 k3s1" in said
    assert f"wrote {profile}" in said.replace("\n", "")
    monkeypatch.setenv("SECATEUR_PROFILE", str(profile))
    inspect_verb.command(model, why=True)
    assert "as measured:" in capsys.readouterr().out
    monkeypatch.setenv("SECATEUR_PROFILE", "none")
    inspect_verb.command(model, why=True)
    assert "the plan of 1 layer: by the table shipped for" in capsys.readouterr().out
