"""Every file that is read gives, whatever its bytes, what it holds or the documented error, and no other."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hypothesis", reason="scripts/requirements-dev.txt")
pytest.importorskip("torch")

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostile.damage import cut, documents, files, read_or_refused
from secateur import quantize
from secateur.errors import InvalidArgumentError, ModelFileError, PruningError
from secateur.frontend.torch import load_program
from secateur.passes.quantize.description import LayerChoice, TensorScale
from secateur.prune import Recipe

# The same examples every time, and none that is timed.
bounded = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RECIPE: dict[str, Any] = {
    "sparsity": 0.9,
    "pattern": {"name": "block", "rows": 4, "cols": 1},
    "scope": {"name": "global", "min_density": 0.02},
    "score": "l2",
    "schedule": {"name": "cubic", "begin": 0, "end": 100, "every": 10},
    "skip": ["head.*"],
    "skip_first": True,
    "overrides": {"body.0": {"sparsity": 0.5, "pattern": "element"}, "tail": {"skip": True}},
}


TOML = b'sparsity = 0.9\npattern = "4x1"\n[schedule]\nname = "cubic"\nend = 20\n'


def test_the_recipe_is_one() -> None:
    assert Recipe.from_dict(RECIPE).sparsity == 0.9


@bounded
@given(data=files(RECIPE))
def test_recipes(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(data)
    recipe = read_or_refused(Recipe.load, path, PruningError)
    if recipe is not None:
        assert Recipe.from_dict(recipe.to_dict()) == recipe


@bounded
@given(data=cut(TOML) | st.binary(max_size=60))
def test_recipes_in_toml(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(data)
    read_or_refused(Recipe.load, path, PruningError)


def description() -> quantize.Quantization:
    return quantize.Quantization(
        "net",
        "mse",
        2,
        tensors={"x": TensorScale(0.5, 3, -1.0, 1.0)},
        layers={"0": LayerChoice("i8", "", 0.01), "1": LayerChoice("f32", "kept", 0.0)},
        bias={"0": [0.5, -0.25]},
        equalised=[("0", "1", [1.0, 2.0])],
        expected={"y": 0.02},
    )


@bounded
@given(data=st.deferred(lambda: files(json.loads(description().to_json()))))
def test_descriptions_of_quantisation(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_bytes(data)
    try:
        read = quantize.Quantization.load(path)
    except InvalidArgumentError:
        return
    assert quantize.Quantization.from_json(read.to_json()) == read
    assert str(read)


@pytest.mark.parametrize("part", ["[", '{"a":'])
def test_what_is_nested_too_deeply(part: str, tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text(part * 50_000)
    with pytest.raises(PruningError, match=r"deep\.json"):
        Recipe.load(path)
    with pytest.raises(InvalidArgumentError):
        quantize.Quantization.load(path)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("pt2") / "net.pt2"
    torch.export.save(torch.export.export(torch.nn.Linear(4, 2), (torch.ones(1, 4),)), path)
    return path.read_bytes()


@settings(bounded, max_examples=60)
@given(data=st.data())
def test_archives(data: st.DataObject, archive: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bent.pt2"
    path.write_bytes(data.draw(cut(archive) | st.binary(max_size=60)))
    read_or_refused(load_program, path, ModelFileError)


@settings(bounded, max_examples=40)
@given(data=st.data())
def test_records_of_archives(data: st.DataObject, archive: bytes, tmp_path: Path) -> None:
    """One record damaged, in an archive whose checksums are right."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(made, "w") as new:
        names = old.namelist()
        chosen = data.draw(st.sampled_from(names))
        for name in names:
            content = old.read(name)
            if name == chosen:
                if name.endswith(".json"):
                    whole = json.loads(content)
                    changed = data.draw(documents(whole))
                    content = json.dumps(changed).encode("utf-8", "surrogatepass")
                else:
                    content = data.draw(cut(content))
            new.writestr(name, content)
    path = tmp_path / "bent.pt2"
    path.write_bytes(made.getvalue())
    read_or_refused(load_program, path, ModelFileError)
