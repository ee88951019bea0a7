"""`secateur prune` on exported programs."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import Result

Run = Callable[..., Result]


def test_prune_takes_an_exported_program(run: Run, folder: Path, tmp_path: Path) -> None:
    """What it leaves is what pruning the network itself leaves."""
    spec = importlib.util.spec_from_file_location("net_for_pt2", folder / "net.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net, inputs = module.make()
    torch.export.save(torch.export.export(net.eval(), (inputs,), strict=False), tmp_path / "x.pt2")
    run("prune", tmp_path / "x.pt2", "--recipe", folder / "r.toml", "-o", tmp_path / "a.pt2")
    run("prune", f"{folder / 'net.py'}:make", "--recipe", folder / "r.toml", "-o", tmp_path / "b.pt2")
    states = [torch.export.load(tmp_path / name).state_dict for name in ("a.pt2", "b.pt2")]
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        assert torch.equal(value == 0, states[1][key] == 0)
    assert any(bool((value == 0).any()) for value in states[0].values())


def test_a_budget_in_place_of_a_sparsity(run: Run, folder: Path, tmp_path: Path) -> None:
    """What is written has no more parameters than asked for; a dry run says the same and writes nothing."""
    net = f"{folder / 'net.py'}:make"
    dry = json.loads(run("prune", net, "--budget", "params=0.4", "--dry-run", "--json").stdout)
    run("prune", net, "--budget", "params=0.4", "-o", tmp_path / "a.pt2")
    state = torch.export.load(tmp_path / "a.pt2").state_dict
    left = sum(int(v.count_nonzero()) for v in state.values())
    total = sum(v.numel() for v in state.values())
    assert 0.38 * total < left <= 0.4 * total
    assert dry["output"] is None
    assert dry["account"]["after"]["parameters"] == left
    run("prune", net, "--recipe", folder / "r.toml", "--budget", "params=0.8", "-o", tmp_path / "b.pt2")
    dense = torch.export.load(tmp_path / "b.pt2").state_dict["0.weight"]
    assert bool((dense != 0).all())  # the recipe's skip_first holds


def test_time_on_a_target(run: Run, folder: Path) -> None:
    """Half of the predicted time: on a Cortex-A72 dense reaches 0.90 of the peak, CSR 0.72."""
    net = f"{folder / 'net.py'}:make"
    words = ("prune", net, "--budget", "ms=0.5x", "--target", "raspberry-pi-4", "--dry-run")
    found = json.loads(run(*words, "--json").stdout)["account"]
    macs = {"0": 16 * 27 * 64, "2": 32 * 16 * 64, "4": 8 * 32 * 64}
    for row in found["layers"]:
        assert row["before"]["milliseconds"] == pytest.approx(macs[row["name"]] / 0.9 / 1e6)
        left = macs[row["name"]] * (1 - row["sparsity"]) / 0.72 / 1e6
        assert row["after"]["milliseconds"] == pytest.approx(min(left, macs[row["name"]] / 0.9 / 1e6))
    assert found["after"]["milliseconds"] <= 0.5 * found["before"]["milliseconds"]
    text = run(*words).stdout
    assert "as the compiler predicts it for raspberry-pi-4, M multiply-adds at peak" in text
    for budget, target, message in (
        ("ms=3", "raspberry-pi-4", "of a named target a share is known"),
        ("ms=3", None, "give --target with its profile"),
        ("flops=0.00001", None, "the nearest that can be kept is flops="),
        ("half", None, "such as flops=0.5"),
    ):
        also = () if target is None else ("--target", target)
        assert message in run("prune", net, "--budget", budget, *also, "--dry-run", status=1).stderr
    assert "give --recipe FILE, or --budget" in run("prune", net, "--dry-run", status=1).stderr


def test_a_report_as_a_page(run: Run, folder: Path, tmp_path: Path) -> None:
    net, recipe = f"{folder / 'net.py'}:make", folder / "r.toml"
    run("prune", net, "--recipe", recipe, "--dry-run", "--report", tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "<svg" in text
    table = json.loads((tmp_path / "r.json").read_text())
    assert table["report"]["layers"][1]["nonzeros"] == 128  # a quarter of 32 x 16
    assert [s for s, _ in table["sensitivity"]["2"]] == [0.25, 0.5, 0.75, 0.9]
    done = run("prune", net, "--recipe", recipe, "--dry-run", "--report", tmp_path / "r.txt", status=1)
    assert "should end in .html" in done.stderr
