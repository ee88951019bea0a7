"""Recipes: what is read, what is refused, and what the refusal says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from secateur.prune import L2, NM, Block, Cubic, Element, Global, Override, PruningError, Recipe, Uniform
from secateur.prune.layers import find_layers

FULL = Recipe(
    sparsity=0.9,
    pattern="4x1",
    scope={"name": "global", "min_density": 0.02},
    score="l2",
    schedule={"name": "cubic", "begin": 0, "end": 100, "every": 10},
    overrides={"fc*": {"sparsity": 0.5, "pattern": "element"}, "conv3": {"skip": True}},
    skip=["stem"],
    skip_first=True,
)

TOML = """
sparsity = 0.9
pattern = "4x1"
score = "l2"
skip = ["stem"]
skip_first = true
scope = { name = "global", min_density = 0.02 }

[schedule]
name = "cubic"
begin = 0
end = 100
every = 10

[overrides."fc*"]
sparsity = 0.5
pattern = "element"

[overrides.conv3]
skip = true
"""


def test_short_forms_become_objects() -> None:
    assert FULL.pattern == Block(4, 1)
    assert FULL.scope == Global(0.02)
    assert FULL.score == L2()
    assert FULL.schedule == Cubic(0, 100, 10)
    assert FULL.overrides == {"fc*": Override(0.5, Element()), "conv3": Override(skip=True)}
    assert FULL.skip == ("stem",)
    assert Recipe(pattern=NM(2, 4), scope=Uniform()).final_sparsity == 0.5


def test_files(tmp_path: Path) -> None:
    pytest.importorskip("tomllib")
    (tmp_path / "r.toml").write_text(TOML)
    assert Recipe.load(tmp_path / "r.toml") == FULL
    FULL.save(tmp_path / "r.json")
    assert Recipe.load(tmp_path / "r.json") == FULL
    assert json.loads((tmp_path / "r.json").read_text()) == FULL.to_dict()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"^sparsity: pattern element needs one"),
        ({"sparsity": 1.0}, r"^sparsity: must be in \[0, 1\)"),
        ({"sparsity": -0.1}, r"^sparsity: must be in \[0, 1\)"),
        ({"sparsity": float("nan")}, r"^sparsity: must be in \[0, 1\)"),
        ({"sparsity": "90%"}, r"^sparsity: expected a number"),
        ({"sparsity": True}, r"^sparsity: expected a number"),
        ({"sparsty": 0.5}, r"^sparsty: there is no such field; did you mean 'sparsity'"),
        ({"sparsity": 0.5, "zzz": 1}, r"^zzz: there is no such field; fields are"),
        ({"sparsity": 0.8, "pattern": "2:4"}, r"^sparsity: pattern 2:4 is 0.5 sparse by itself"),
        ({"sparsity": 0.5, "pattern": "hex"}, r"^pattern: 'hex' is no pattern"),
        (
            {"sparsity": 0.5, "scope": "world"},
            r"^scope: there is no scope named 'world'; choose one of global",
        ),
        ({"sparsity": 0.5, "score": "l3"}, r"^score: there is no score named 'l3'"),
        ({"sparsity": 0.5, "score": 3}, r"^score: expected a name"),
        (
            {"sparsity": 0.5, "schedule": {"name": "cubic", "begin": 0}},
            r"^schedule: cubic does not take these",
        ),
        ({"sparsity": 0.5, "schedule": {"name": "cubic", "begin": 9, "end": 3}}, r"^schedule: end must be"),
        ({"sparsity": 0.5, "overrides": ["fc"]}, r"^overrides: expected a table"),
        ({"sparsity": 0.5, "overrides": {"fc": 0.5}}, r"^overrides\['fc'\]: expected a table"),
        ({"sparsity": 0.5, "overrides": {"fc": {"sparsity": 2}}}, r"^overrides\['fc'\].sparsity: must be in"),
        ({"sparsity": 0.5, "overrides": {"fc": {"skipp": True}}}, r"^overrides\['fc'\].skipp: .*'skip'"),
        ({"sparsity": 0.5, "overrides": {"fc": {"pattern": "x"}}}, r"^overrides\['fc'\].pattern: "),
        ({"sparsity": 0.5, "skip": "fc"}, r"^skip: expected a list"),
        ({"sparsity": 0.5, "skip_last": 1}, r"^skip_last: expected true or false"),
    ],
)
def test_refusals_name_the_field(table: dict[str, Any], message: str) -> None:
    with pytest.raises(PruningError, match=message):
        Recipe.from_dict(table)


def test_refusals_name_the_file(tmp_path: Path) -> None:
    for name, text, message in [
        ("a.json", "{", "a.json: Expecting"),
        ("b.json", "[1]", "b.json: expected a table"),
        ("c.json", '{"sparsity": 2}', r"c.json: sparsity: must be in"),
        ("d.ini", "sparsity: 0.5", "d.ini: a recipe is a .json, .toml or .yaml file"),
    ]:
        (tmp_path / name).write_text(text)
        with pytest.raises(PruningError, match=message):
            Recipe.load(tmp_path / name)
    with pytest.raises(PruningError, match=r"none\.json: cannot read the recipe"):
        Recipe.load(tmp_path / "none.json")


def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 16, 1), nn.Flatten(), nn.Linear(16, 4)
    )


def settled(**fields: Any) -> dict[str, tuple[float, str, str]]:
    layers = find_layers(net(), Recipe.from_dict(fields))
    return {layer.name: (layer.sparsity, str(layer.pattern), layer.skip) for layer in layers}


def test_settling_layers() -> None:
    assert settled(sparsity=0.5) == {
        "0": (0.5, "element", ""), "1": (0.5, "element", "depthwise"),
        "2": (0.5, "element", ""), "4": (0.5, "element", ""),
    }  # fmt: skip
    assert settled(sparsity=0.5, skip_first=True)["0"][2] == "first layer"
    assert settled(sparsity=0.5, skip_last=True)["4"][2] == "last layer"
    assert settled(sparsity=0.5, skip_depthwise=False)["1"][2] == ""
    assert settled(sparsity=0.5, overrides={"1": {"sparsity": 0.2}})["1"] == (0.2, "element", "")
    assert settled(sparsity=0.5, overrides={"*": {"sparsity": 0.2}})["1"][2] == "depthwise"
    both = settled(
        sparsity=0.5, overrides={"[24]": {"pattern": "2:4"}, "4": {"pattern": "1x4", "sparsity": 0.7}}
    )
    assert (both["2"], both["4"]) == ((0.5, "2:4", ""), (0.7, "1x4", ""))


def test_layers_that_do_not_fit() -> None:
    with pytest.raises(
        PruningError, match=r"skip: no prunable layer matches 'convs.\*'; the names are like '0'"
    ):
        settled(sparsity=0.5, skip=["convs.*"])
    with pytest.raises(PruningError, match=r"overrides\['head'\]: no prunable layer matches 'head'"):
        settled(sparsity=0.5, overrides={"head": {"skip": True}})
    with pytest.raises(PruningError, match="nothing to prune: all 4 prunable layers are skipped"):
        settled(sparsity=0.5, skip=["*"])
    with pytest.raises(PruningError, match="ReLU has no prunable layer"):
        find_layers(nn.ReLU(), Recipe(sparsity=0.5))
    with pytest.raises(PruningError, match="layer '0': pattern element needs a sparsity"):
        settled(pattern="2:4", overrides={"0": {"pattern": "element"}})
    with pytest.raises(PruningError, match=r"layer '0': pattern 2:4 is 0\.5 sparse by itself"):
        settled(pattern="2:4", overrides={"0": {"sparsity": 0.7}})
