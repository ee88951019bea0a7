"""A .pt2 file from elsewhere runs nothing; what would is refused in a sentence, or taken with trust."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import ModelFileError
from secateur.frontend.torch import load_program
from secateur.network import load_network


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (Path.touch, (self.marker,))


def saved(tmp_path: Path, model: nn.Module | None = None, *inputs: torch.Tensor) -> Path:
    path = tmp_path / "net.pt2"
    program = torch.export.export(model or nn.Linear(4, 2), inputs or (torch.ones(1, 4),))
    torch.export.save(program, path)
    return path


def rewritten(
    path: Path, changes: dict[str, Callable[[bytes], bytes]], extra: dict[str, bytes] | None = None
) -> Path:
    """The archive with records changed, by the end of their names, and others added."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(records)).partition("/")[0]
    made = path.with_name("evil.pt2")
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in records.items():
            for ending, change in changes.items():
                content = change(content) if name.endswith(ending) else content
            archive.writestr(name, content)
        for name, content in (extra or {}).items():
            archive.writestr(f"{top}/{name}", content)
    return made


def torch_saved(item: Any) -> bytes:
    held = io.BytesIO()
    torch.save(item, held)
    return held.getvalue()


def document(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        loaded = json.loads(content)
        change(loaded)
        return json.dumps(loaded).encode()

    return changed


def sample_inputs(marker: Path) -> dict[str, Any]:
    return {"sample_inputs/model.pt": lambda _: torch_saved(((torch.ones(1, 4), Payload(marker)), {}))}


def bare_pickle(marker: Path) -> dict[str, Any]:
    return {"sample_inputs/model.pt": lambda _: pickle.dumps(Payload(marker), protocol=2)}


def pickled_weight(marker: Path) -> dict[str, Any]:
    def config(item: Any) -> None:
        next(iter(item["config"].values()))["use_pickle"] = True

    return {
        "weights/weight_0": lambda _: torch_saved(Payload(marker)),
        "weights/model_weights_config.json": document(config),
    }


def opaque_constant(marker: Path) -> dict[str, Any]:
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    return {"constants/model_constants_config.json": lambda _: json.dumps({"config": {"c": entry}}).encode()}


def code(marker: Path) -> str:
    return f"__import__('pathlib').Path({str(marker)!r}).touch()"


def nodes(item: Any) -> Any:
    return item["graph_module"]["graph"]["nodes"]


def symbolic_size(marker: Path) -> dict[str, Any]:
    def change(item: Any) -> None:
        values = item["graph_module"]["graph"]["tensor_values"]
        next(iter(values.values()))["sizes"][0] = {"as_expr": {"expr_str": code(marker), "hint": None}}

    return {"models/model.json": document(change)}


def called_size(marker: Path) -> dict[str, Any]:
    """Without a quote or a bracket."""
    text = "exec(" + "+".join(f"chr({ord(c)})" for c in code(marker)) + ")"

    def change(item: Any) -> None:
        values = item["graph_module"]["graph"]["tensor_values"]
        next(iter(values.values()))["sizes"][0] = {"as_expr": {"expr_str": text, "hint": None}}

    return {"models/model.json": document(change)}


def guard(marker: Path) -> dict[str, Any]:
    return {"models/model.json": document(lambda item: item.update(guards_code=[code(marker)]))}


def operator_of_the_system(marker: Path) -> dict[str, Any]:
    def change(item: Any) -> None:
        nodes(item)[0]["target"] = "torch.os.system"
        argument = {"name": "", "arg": {"as_string": f"touch {marker}"}, "kind": 1}
        nodes(item)[0]["inputs"] = [argument]

    return {"models/model.json": document(change)}


def operator_that_writes_files(marker: Path) -> dict[str, Any]:
    def change(item: Any) -> None:
        nodes(item)[0]["target"] = "torch.ops.aten.from_file.default"

    return {"models/model.json": document(change)}


def name_that_is_code(marker: Path) -> dict[str, Any]:
    name = f"x=__import__('pathlib').Path({str(marker)!r}).touch()"

    def swap(content: bytes) -> bytes:
        return content.replace(b'"input"', json.dumps(name).encode())

    return {"models/model.json": swap}


def imported_container(marker: Path) -> dict[str, Any]:
    def change(item: Any) -> None:
        spec = [1, {"type": "collections.defaultdict", "context": "{}", "children_spec": []}]
        item["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = json.dumps(spec)

    return {"models/model.json": document(change)}


ATTACKS = [
    sample_inputs,
    bare_pickle,
    pickled_weight,
    opaque_constant,
    symbolic_size,
    called_size,
    guard,
    operator_of_the_system,
    operator_that_writes_files,
    name_that_is_code,
    imported_container,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda f: f.__name__)
def test_code_in_an_archive_is_refused_before_it_runs(attack: Any, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    evil = rewritten(saved(tmp_path), attack(marker))
    for opened in (
        lambda: sct.compile(evil),
        lambda: load_network(str(evil)),
        lambda: sct.compile(str(evil)),
    ):
        with pytest.raises(ModelFileError, match=r"evil\.pt2 could run code .*trust=True \(--trust\)"):
            opened()
    assert not marker.exists()


@pytest.mark.parametrize("attack", [sample_inputs, bare_pickle, symbolic_size, called_size])
def test_the_same_archives_do_run_code_in_torch(attack: Any, tmp_path: Path) -> None:
    """Else the test above would show nothing."""
    marker = tmp_path / "marker"
    evil = rewritten(saved(tmp_path), attack(marker))
    with contextlib.suppress(ModelFileError):
        load_program(evil, trust=True)
    assert marker.exists()


def test_what_a_program_does_not_need_is_not_handed_on(tmp_path: Path) -> None:
    extra = {"data/aotinductor/model/lib.so": b"\x7fELF", "extra/readme.txt": b"hello"}
    path = rewritten(saved(tmp_path), {}, extra)
    assert load_program(path).example_inputs is not None


def test_two_records_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = rewritten(saved(tmp_path), {}, {"data/sample_inputs/model.pt": b""})
    with pytest.raises(ModelFileError, match="two of its records have one name"):
        load_program(path)


class Everything(nn.Module):
    """Kinds of arguments, constants, names and containers that honest programs have."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("layer-1 of 2", nn.Linear(4, 4))
        self.gelu = nn.GELU("tanh")
        self.register_buffer("table", torch.eye(4), persistent=False)

    def forward(self, x: torch.Tensor, *, state: dict[str, Any]) -> dict[str, Any]:
        y = self.gelu(self.get_submodule("layer-1 of 2")(x))
        with torch.no_grad():
            z = torch.einsum("bi,ji->bj", y, self.table)
        return {"y": y * state["s"][0], "list": [z + torch.tensor([1.0, 2.0, 3.0, 4.0]), x.mean(1, True)]}


def test_honest_programs_are_taken(tmp_path: Path) -> None:
    net, x, state = Everything().eval(), torch.randn(2, 4), {"s": [torch.randn(2, 4)]}
    torch.export.save(torch.export.export(net, (x,), {"state": state}), tmp_path / "net.pt2")
    program = load_program(tmp_path / "net.pt2")
    want = torch.utils._pytree.tree_leaves(net(x, state=state))
    got = torch.utils._pytree.tree_leaves(program.module()(x, state=state))
    for mine, theirs in zip(got, want, strict=True):
        assert torch.equal(mine, theirs)
    args, kwargs = program.example_inputs
    assert torch.equal(args[0], x)
    assert torch.equal(kwargs["state"]["s"][0], state["s"][0])


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # torch.export's, of its own LSTM
@pytest.mark.parametrize("layer", [nn.LSTM(4, 3), nn.MultiheadAttention(4, 2), nn.LayerNorm(4)])
def test_layers_survive_the_copy(layer: nn.Module, tmp_path: Path) -> None:
    x = torch.randn(3, 1, 4)
    inputs = (x, x.clone(), x.clone()) if isinstance(layer, nn.MultiheadAttention) else (x,)
    path = saved(tmp_path, layer.eval(), *inputs)
    want, got = (torch.utils._pytree.tree_leaves(f(*inputs)) for f in (layer, load_program(path).module()))
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_symbolic_sizes_are_read_and_named(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(nn.Linear(4, 2), (torch.ones(3, 4),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(sct.errors.ShapeError, match="dynamic size in dimension 0"):
        sct.compile(tmp_path / "net.pt2")


def test_a_compiled_archive_is_the_network(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    x = torch.randn(1, 4)
    session = sct.compile(saved(tmp_path, net, x)).session()
    with torch.no_grad():
        np.testing.assert_allclose(session.run(x.numpy()), net(x).numpy(), rtol=0, atol=1e-6)
