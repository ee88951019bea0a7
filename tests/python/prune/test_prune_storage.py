"""Saving and loading pruned networks, against state dicts, struct and a process that never pruned."""

from __future__ import annotations

import copy
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import prune_nets as nets
import pytest
import torch
from torch import Tensor, nn

from secateur.prune import PruningError, load, prune_oneshot, save, sparsity_of


def plain_read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The format by its description, f32 and i64 only."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    found = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind = {"F32": "<f4", "I64": "<i8"}[entry["dtype"]]
        found[name] = np.frombuffer(data[8 + length + begin : 8 + length + end], kind).reshape(entry["shape"])
    return found, metadata


@pytest.mark.parametrize(
    "name", ["resnet", "resnet_option_a", "vit", "packed", "mobilenet", "dense", "grouped", "sound", "lenet"]
)
def test_a_network_with_fewer_channels_comes_back(name: str, tmp_path: Path) -> None:
    model, x = nets.make(name)
    fresh = copy.deepcopy(model)
    for parameter in fresh.parameters():
        parameter.data.normal_()
    prune_oneshot(model, 0.5, pattern="channel", example_inputs=x)
    save(model, tmp_path / "n.safetensors")
    again = load(tmp_path / "n.safetensors", fresh)
    assert again is fresh
    assert repr(again) == repr(model)  # the modules' own numbers
    with torch.no_grad():
        assert torch.equal(again(x), model(x))
    state = model.state_dict()
    found, _ = plain_read(tmp_path / "n.safetensors")
    assert found.keys() == state.keys()
    for key, value in found.items():
        np.testing.assert_array_equal(value, state[key].numpy())
    again(x).square().mean().backward()  # trains on
    torch.optim.SGD(again.parameters(), lr=0.1).step()


def test_zeros_dtypes_and_shared_weights(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(10, 6), nn.Linear(6, 10)
            self.head.weight = self.embed.weight
            self.register_buffer("steps", torch.tensor(3))
            self.register_buffer("none", torch.zeros(0, 2))

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.embed(x))

    model = Tied()
    prune_oneshot(model, 0.5)
    save(model, tmp_path / "a")
    again = load(tmp_path / "a", Tied())
    assert again.head.weight is again.embed.weight
    assert int(again.steps) == 3
    assert sparsity_of(again) == sparsity_of(model)
    assert (tmp_path / "a").stat().st_size < 60 * 4 + 1600  # the shared weight once
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        model = nn.Sequential(nn.Linear(3, 5)).to(dtype)
        save(model, tmp_path / "b")
        again = load(tmp_path / "b", nn.Sequential(nn.Linear(3, 5)))
        assert again[0].weight.dtype == dtype
        assert torch.equal(again[0].weight, model[0].weight)


def test_another_process_needs_no_pruning(tmp_path: Path) -> None:
    (tmp_path / "reloaded_net.py").write_text(
        "from torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(),\n"
        "                         nn.Linear(16 * 36, 4)).eval()\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        from reloaded_net import make  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    torch.manual_seed(0)
    model, x = make(), torch.randn(2, 3, 8, 8)
    prune_oneshot(model, 0.5, pattern="channel", example_inputs=x)
    save(model, tmp_path / "n")
    np.save(tmp_path / "x.npy", x.numpy())
    script = (
        "import sys; sys.path.insert(0, '.'); import numpy as np, torch, reloaded_net, secateur.prune as p\n"
        "model = p.load('n', reloaded_net.make()); x = torch.from_numpy(np.load('x.npy'))\n"
        "np.save('y.npy', model(x).detach().numpy())\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model(x).detach().numpy())


def test_what_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "n"
    make = nets.make("mobilenet")[0]
    model = copy.deepcopy(make)
    prune_oneshot(model, 0.5, pattern="channel", example_inputs=nets.make("mobilenet")[1])
    save(model, path)
    other = nets.make("lenet")[0]
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(PruningError, match=r"holds a MobileNet and does not fit this .*: it lacks a.bias"):
        load(path, other)
    assert all(torch.equal(value, before[key]) for key, value in other.state_dict().items())
    save(make, path)
    with pytest.raises(PruningError, match=r"is \(\d+, .*\) there and \(\d+, .*\) in the network"):
        load(path, model)
    with pytest.raises(PruningError, match=r"'0\._extra_state' is a dict, which"):
        save(nn.Sequential(Extra(2, 2)), path)
    with pytest.raises(PruningError, match=r"'0\.weight' is a UninitializedParameter"):
        save(nn.Sequential(nn.LazyLinear(3)), path)
    with pytest.raises(PruningError, match="No such file"):
        load(tmp_path / "nowhere", model)


class Extra(nn.Linear):
    def get_extra_state(self) -> dict[str, int]:
        return {"a": 1}

    def set_extra_state(self, state: object) -> None: ...


def one(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}}


def described(text: str) -> bytes:
    return header({"__metadata__": {"secateur.prune": text}})


def header(table: object, body: bytes = b"") -> bytes:
    text = json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a whole safetensors file: it has 0 bytes"),
        (b"PK\x03\x04 a zip file", "its header would have"),
        (struct.pack("<Q", 4) + b"{{{{", "is not a whole safetensors file"),
        (header([1]), "is not a whole safetensors file"),
        (header(one([2], 0, 8), b"1234"), "should take 8 bytes"),
        (header(one([-1], 0, -4)), "no row of whole numbers"),
        (header(one([1], 4, 8), b"12345678"), "leave gaps"),
        (header(one([1], 0, 4), b"12345"), "leave gaps"),
        (header(one([1], 0, 4, "Q4"), b"1234"), "Q4"),
        (header({"__metadata__": {"a": 1}}), "metadata are not strings"),
        (header({}), "no description of a pruned network"),
        (described("{"), "its description is damaged"),
        (described('{"version": 9}'), "is of version 9; this reads 1"),
        (
            described('{"version":1,"class":"A","shared":{"a":"b"},"modules":{}}'),
            "names tensors that it does not hold",
        ),
        (
            described('{"version":1,"class":"A","shared":{},"modules":{"":{"forward":"x"}}}'),
            "its description is damaged",
        ),
    ],
)
def test_foreign_and_damaged_files(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "n"
    path.write_bytes(data)
    with pytest.raises(PruningError, match=message):
        load(path, nn.Linear(2, 2))


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    save(nn.Sequential(nn.Linear(2, 3)), tmp_path / "n")
    whole = (tmp_path / "n").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(PruningError, match="is not a whole safetensors file"):
            load(tmp_path / "cut", nn.Sequential(nn.Linear(2, 3)))
    load(tmp_path / "n", nn.Sequential(nn.Linear(2, 3)))


def test_the_format_s_own_package_reads_it(tmp_path: Path) -> None:
    package = pytest.importorskip("safetensors.torch")
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    save(model, tmp_path / "n")
    found = package.load_file(tmp_path / "n")
    assert all(torch.equal(found[key], value) for key, value in model.state_dict().items())
