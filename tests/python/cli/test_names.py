"""Names in a file are shown and not obeyed: by the terminal, by rich, by matplotlib, by a browser."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn
from typer.testing import Result

import secateur as sct
from secateur.emit import emit
from secateur.ir import Activation, Graph, Op, Port, Value, planes
from secateur.ir.options import UnaryOptions
from secateur.text import printable

Run = Callable[..., Result]

NAMES = {
    "escape": "\x1b]0;PWNED\x07\x1b[31mRED\x1b[2J",
    "c1": "\x9b31mRED",
    "closing tag": "conv[/x]",
    "style": "[red]conv[/red]",
    "link": "[link=http://evil]conv[/link]",
    "emoji": ":smile:",
    "lines": "one\ntwo\r\x08\x7f",
    "direction": "abc\u202edef\u2066",
    "separators": "a\u2028b\u0085c",
    "backslash": "conv\\",
    "mathematics": "$\\frac{$_^",
    "html": "<script>alert(1)</script>",
}


def file_of(name: str, path: Path) -> Path:
    """A model whose own name, port, layer, reason and metadata are all this name."""
    x, y = Value(name, planes(1, 2, 1, 3)), Value(name, planes(1, 2, 1, 3))
    op = Op("Unary", name, [x], y, UnaryOptions(), Activation("relu"), source=name, reason=name)
    said = {name: name, "list": [name]}
    graph = Graph(name, [Port(name, x, x.shape)], [Port(name, y, y.shape)], [op], metadata=said)
    path.write_bytes(emit(graph).data)
    return path


def shows(text: str, name: str, times: int) -> None:
    assert all(c.isprintable() or c == "\n" for c in text), ascii(text)
    assert text.count(printable(name)) >= times, text


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_inspect_and_run_show_names_as_they_are(run: Run, tmp_path: Path, name: str) -> None:
    path = file_of(name, tmp_path / "m.sct")
    # A row, name and reason below, the model, two ports; a key and two values of metadata.
    shows(run("inspect", path, "--why").stdout, name, 9)
    shows(run("run", path, "--profile").stdout, name, 2)
    facts = run("inspect", path, "--json").stdout
    assert facts.isascii()
    read = json.loads(facts)
    assert [read["name"], read["layers"][0]["name"], read["inputs"][0]["name"]] == [name] * 3
    assert read["metadata"] == {name: name, "list": [name]}
    np.save(tmp_path / "x.npy", np.zeros((1, 1), np.float32))
    shows(run("run", path, "--input", tmp_path / "x.npy", status=1).stderr, name.replace("\n", " "), 1)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_tables_plots_and_pages(tmp_path: Path, name: str) -> None:
    import io

    from secateur.bench.harness import Outcome
    from secateur.bench.plots import layers_sparse_against_dense
    from secateur.bench.report import Result as BenchResult
    from secateur.bench.report import notes, table
    from secateur.bench.workload import Workload
    from secateur.demo.plots import svg
    from secateur.demo.report import _table

    workload = Workload(name, nn.ReLU(), (np.zeros((1, 1), np.float32),), weights=name)
    result = BenchResult(workload, 1, [Outcome("torch", name, 1, "failed", message=name)])
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(table(result))
    assert isinstance(console.file, io.StringIO)
    shows(console.file.getvalue(), name, 2)
    shows("\n".join(notes([result])), name, 2)
    rows = [{"name": name, "median_ns": 5}]
    assert svg(layers_sparse_against_dense(rows, rows, name)).rstrip().endswith("</svg>")
    cell = _table([name], [[name]])
    assert cell.count(html.escape(printable(name))) == 2
    assert "<script" not in cell


class Loud(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add_module("l\x1b[2J[red]", nn.Linear(4, 4))

    def forward(self, x: torch.Tensor) -> Any:
        return self.get_submodule("l\x1b[2J[red]")(x)


def test_a_program_prints_names_as_they_are() -> None:
    text = str(sct.compile(Loud(), torch.ones(1, 4)))
    shows(text, "l\x1b[2J[red]", 1)
