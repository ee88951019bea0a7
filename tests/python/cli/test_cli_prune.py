"""`secateur prune` on exported programs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

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
