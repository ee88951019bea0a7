"""Where networks come from, and what is said when they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from secateur.errors import (
    InvalidArgumentError,
    ModelFileError,
    ModelNotFoundError,
    SecateurError,
    ShapeError,
)
from secateur.network import load_network, parse_shape

FACTORY = """
import torch
def plain(): return torch.nn.Linear(4, 2)
def paired(): return torch.nn.Linear(4, 2), torch.ones(3, 4)
def number(): return 7
constant = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nets.py"
    path.write_text(FACTORY)
    return path


def test_factories(file: Path) -> None:
    source = load_network(f"{file}:paired")
    assert source.inputs[0].shape == (3, 4)
    assert not source.module.training
    assert load_network(f"{file}:plain", input_shapes=[(5, 4)]).inputs[0].shape == (5, 4)


@pytest.mark.parametrize(
    ("spec", "error", "sentence"),
    [
        ("{file}:plain", ShapeError, "--input-shape"),
        ("{file}:number", InvalidArgumentError, "gave a int"),
        ("{file}:constant", InvalidArgumentError, "not callable"),
        ("{file}:absent", InvalidArgumentError, "nothing called 'absent'"),
        ("/no/such.py:f", ModelNotFoundError, "no Python file"),
        ("/no/such.pt2", ModelNotFoundError, "no exported program"),
        ("no_such_module:f", InvalidArgumentError, "no module called"),
        ("alexnet", InvalidArgumentError, "mobilenet_v1"),
    ],
)
def test_bad_specs(file: Path, spec: str, error: type[SecateurError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        load_network(spec.format(file=file))


def test_exported_programs(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    model = torch.nn.Linear(4, 2).eval()
    torch.export.save(torch.export.export(model, (torch.ones(1, 4),)), path)
    source = load_network(str(path))
    assert source.name == "net"
    torch.testing.assert_close(source.module(*source.inputs), model(torch.ones(1, 4)))
    with pytest.raises(InvalidArgumentError, match="has its weights in it"):
        load_network(str(path), checkpoint="w.pt")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelFileError, match=r"net\.pt2 is not a program"):
        load_network(str(path))


def test_checkpoints(file: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    model = torch.nn.Linear(4, 2)
    torch.save({"state_dict": model.state_dict()}, weights)
    source = load_network(f"{file}:paired", checkpoint=str(weights))
    torch.testing.assert_close(source.module.weight, model.weight)
    assert source.weights == "w.pt"
    torch.save(torch.nn.Linear(5, 2).state_dict(), weights)
    with pytest.raises(ModelFileError, match="does not fit"):
        load_network(f"{file}:paired", checkpoint=str(weights))
    weights.write_bytes(b"not a checkpoint")
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        load_network(f"{file}:paired", checkpoint=str(weights))
    with pytest.raises(ModelNotFoundError, match="no checkpoint"):
        load_network(f"{file}:paired", checkpoint=str(tmp_path / "absent.pt"))


@pytest.mark.parametrize("text", ["", "1,x", "0,3", "1,-2", "3.5"])
def test_bad_shapes(text: str) -> None:
    with pytest.raises(ShapeError):
        parse_shape(text)


@pytest.mark.parametrize("key", ["", "state_dict", "model_state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_checkpoints_of_training_loops(file: Path, tmp_path: Path, key: str, prefix: str) -> None:
    state = {f"{prefix}weight": torch.full((2, 4), 3.0), f"{prefix}bias": torch.zeros(2)}
    torch.save({key: state, "epoch": 3} if key else state, tmp_path / "c.pt")
    source = load_network(f"{file}:paired", checkpoint=str(tmp_path / "c.pt"))
    assert torch.equal(source.module.weight, torch.full((2, 4), 3.0))


def test_a_prefix_that_is_the_networks_own_stays(file: Path, tmp_path: Path) -> None:
    file.write_text(FACTORY + "\ndef own(): return torch.nn.ModuleDict({'module': torch.nn.Linear(4, 2)})\n")
    torch.save({"module.weight": torch.ones(2, 4), "module.bias": torch.zeros(2)}, tmp_path / "c.pt")
    source = load_network(f"{file}:own", checkpoint=str(tmp_path / "c.pt"), input_shapes=[(1, 4)])
    assert torch.equal(source.module["module"].weight, torch.ones(2, 4))
