"""Where networks come from, and what is said when they do not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from secateur import zoo
from secateur.bench.networks import pruned_copy, workloads, zoo_source
from secateur.bench.source import load_source, parse_shape
from secateur.errors import (
    InvalidArgumentError,
    ModelFileError,
    ModelNotFoundError,
    SecateurError,
    ShapeError,
)

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
    source = load_source(f"{file}:paired")
    assert source.inputs[0].shape == (3, 4)
    assert not source.module.training
    assert load_source(f"{file}:plain", input_shapes=[(5, 4)]).inputs[0].shape == (5, 4)


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
        load_source(spec.format(file=file))


def test_exported_programs(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    model = torch.nn.Linear(4, 2).eval()
    torch.export.save(torch.export.export(model, (torch.ones(1, 4),)), path)
    source = load_source(str(path))
    assert source.name == "net"
    torch.testing.assert_close(source.module(*source.inputs), model(torch.ones(1, 4)))
    with pytest.raises(InvalidArgumentError, match="has its weights in it"):
        load_source(str(path), checkpoint="w.pt")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelFileError, match=r"net\.pt2 is not a program"):
        load_source(str(path))


def test_checkpoints(file: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    model = torch.nn.Linear(4, 2)
    torch.save({"state_dict": model.state_dict()}, weights)
    source = load_source(f"{file}:paired", checkpoint=str(weights))
    torch.testing.assert_close(source.module.weight, model.weight)
    assert source.weights == "w.pt"
    torch.save(torch.nn.Linear(5, 2).state_dict(), weights)
    with pytest.raises(ModelFileError, match="does not fit"):
        load_source(f"{file}:paired", checkpoint=str(weights))
    weights.write_bytes(b"not a checkpoint")
    with pytest.raises(ModelFileError, match="not a checkpoint"):
        load_source(f"{file}:paired", checkpoint=str(weights))
    with pytest.raises(ModelNotFoundError, match="no checkpoint"):
        load_source(f"{file}:paired", checkpoint=str(tmp_path / "absent.pt"))


@pytest.mark.parametrize("text", ["", "1,x", "0,3", "1,-2", "3.5"])
def test_bad_shapes(text: str) -> None:
    with pytest.raises(ShapeError):
        parse_shape(text)


def test_pruned_copies_leave_ends_and_original_alone() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(16, 16) for _ in range(4))).eval()
    pruned = pruned_copy(model, (torch.ones(1, 16),), 0.75)
    zeros = [float((layer.weight == 0).float().mean()) for layer in pruned]  # type: ignore[union-attr]
    assert zeros == [0, 0.75, 0.75, 0]
    assert all(bool((layer.weight != 0).all()) for layer in model)  # type: ignore[union-attr]
    kept = pruned_copy(model, (torch.ones(1, 16),), 0.5, "2:4", keep_dense=["2"])
    zeros = [float((layer.weight == 0).float().mean()) for layer in kept]  # type: ignore[union-attr]
    assert zeros == [0.5, 0.5, 0, 0.5]


def test_workloads_share_input_and_dense_self() -> None:
    source, keep = zoo_source("encoder")
    dense, sparse = workloads(source, [0.0, 0.9], keep_dense=keep)
    assert dense.inputs is sparse.inputs
    assert sparse.dense_model is dense.model
    assert (dense.label, sparse.label) == (f"{source.name} dense", f"{source.name} 90%")


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "resnet50", "encoder"])
def test_random_weights_keep_activations_alive(name: str) -> None:
    # Denormal activations would make every timing a lie.
    model, inputs = zoo.make(name)
    smallest = {}

    def record(module: torch.nn.Module, args: object, output: torch.Tensor) -> None:
        smallest[module] = float(output.std())

    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(record)
    with torch.no_grad():
        y = model(*inputs)
    assert bool(y.isfinite().all())
    assert min(smallest.values()) > 1e-3
    torch.testing.assert_close(zoo.make(name)[0].state_dict(), model.state_dict())
