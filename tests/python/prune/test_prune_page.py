"""Sensitivity against plain loops, and the page and its JSON against the network itself."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser
from typing import Any

import prune_nets as nets
import pytest
import torch
from torch import nn

from secateur.prune import Pruner, PruningError, page, page_table, sensitivity


@pytest.mark.parametrize("pattern", ["element", "1x4"])
def test_sensitivity_is_one_layer_pruned_at_a_time(pattern: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)).eval()
    x = torch.randn(20, 8)
    before = copy.deepcopy(model.state_dict())
    found = sensitivity(model, {"sparsity": 0.5, "pattern": pattern, "skip": ["2"]}, x, at=(0.25, 0.75))
    assert list(found) == ["0"]
    with torch.no_grad():
        dense = model(x)
        for sparsity, change in found["0"]:
            other = copy.deepcopy(model)
            width = 4 if pattern == "1x4" else 1
            blocks = other[0].weight.view(-1, width)
            weak = blocks.abs().mean(1).argsort()[: round(sparsity * len(blocks))]
            blocks[weak] = 0
            want = (other(x) - dense).square().sum() / (dense - dense.mean(0)).square().sum()
            assert change == pytest.approx(float(want), rel=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_sensitivity_of_channels_and_of_fixed_patterns() -> None:
    model, x = nets.make("mobilenet")
    found = sensitivity(model, {"sparsity": 0.5, "pattern": "channel"}, x, at=(0.5,))
    group = next(iter(found))
    other = copy.deepcopy(model)
    with torch.no_grad():
        dense = model(x)
    pruner = Pruner(other, {"sparsity": 0.5, "pattern": "channel"}, x)
    (target,) = (t for t in pruner._targets if t.name == group)
    for one in pruner._targets:
        one.sparsity = 0.5 if one is target else 0.0
    pruner.step()
    pruner.finalize()  # by surgery, not by masks
    with torch.no_grad():
        want = (other(x) - dense).square().sum() / (dense - dense.mean(0)).square().sum()
    assert found[group][0][1] == pytest.approx(float(want), rel=1e-3)
    fixed = sensitivity(model, {"pattern": "2:4"}, x)
    assert {s for points in fixed.values() for s, _ in points} == {0.5}
    model.stem[0].weight.data[:] = torch.inf
    with pytest.raises(PruningError, match="outputs are not finite"):
        sensitivity(model, {"sparsity": 0.5, "skip": ["stem*"]}, x)


class Cells(HTMLParser):
    """Text of all cells, row by row; every tag that was opened; curves."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.lines: list[str] = []
        self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for key, value in attrs if key in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True
        if tag == "polyline":
            self.lines.append(str(dict(attrs)["points"]))

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


def test_the_page_says_what_the_network_is() -> None:
    torch.manual_seed(0)
    names = ["a<script>alert(1)</script>", "b&amp;", '"c"']
    sizes = [(8, 16), (16, 16), (16, 4)]
    layers = {name: nn.Linear(*size) for name, size in zip(names, sizes, strict=True)}
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    x = torch.randn(6, 8)
    recipe: dict[str, Any] = {"sparsity": 0.75, "scope": "uniform", "overrides": {'"c"': {"skip": True}}}
    curves = sensitivity(model, recipe, x)
    pruner = Pruner(model, recipe, x)
    pruner.step()
    account = pruner.account(lambda name, rows, cols, places, pattern, sparsity: rows * (1 - sparsity))
    pruner.finalize()
    text = page(pruner.report(), account, curves, "<net>")
    cells = Cells()
    cells.feed(text)
    assert "script" not in cells.tags
    assert cells.sources == []
    assert text.count("<title>") == 3  # of the page, and of each curve
    heads, *rows, total = cells.rows
    assert heads == ["layer", "shape", "pattern", "sparsity", "parameters", "MFLOPs", "kB", "time", ""]
    for row, (name, layer) in zip(rows, layers.items(), strict=True):
        left = int(layer.weight.count_nonzero())
        assert row[:2] == [name, f"{layer.out_features}×{layer.in_features}"]
        assert row[3] == f"{1 - left / layer.weight.numel():.1%}"
        assert row[4].split(" ")[-1] == str(left)
    left = sum(int(p.count_nonzero()) for p in model.parameters())
    assert total[4] == f"{sum(p.numel() for p in model.parameters())} → {left}"
    assert total[7].endswith("→ 12")  # (16 + 16) / 4 rows, and 4 that are left alone
    assert len(cells.lines) == 2
    table = json.loads(json.dumps(page_table(pruner.report(), account, curves, "<net>")))
    assert table["account"]["after"]["parameters"] == left
    assert table["sensitivity"][names[0]] == [list(point) for point in curves[names[0]]]
    heights = [float(point.split(",")[1]) for point in cells.lines[-1].split()]
    assert heights == sorted(heights, reverse=True)  # more zeros, more change, further up
