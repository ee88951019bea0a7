"""`secateur report`: what stands in the page, of which nothing is a name's to decide."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from secateur.cli.app import app

EVIL = "<script>alert(1)</script>'\"&\x1b[31m"


def engine(label: str, median: float | None, status: str = "ok") -> dict[str, Any]:
    stats = None if median is None else {"median": median, "p90": 2 * median, "min": median / 2, "count": 3}
    return {"engine": label.lower(), "label": label, "status": status, "stats_ns": stats, "samples_ns": []}


def bench(device: str, times: dict[str, float | None], network: str = "net", **extra: Any) -> dict[str, Any]:
    engines = [engine(name, ns, "ok" if ns else "refused") for name, ns in times.items()]
    result = {"network": network, "sparsity": 0.9, "threads": 2, "engines": engines, "layers": [], **extra}
    machine = {"device": device, "cpu": "Board", "cores": 4, "governor": "ondemand", "os": "Linux"}
    return {
        "schema": "secateur-bench/1",
        "date": "2025-01-02T00:00:00",
        "machine": machine,
        "results": [result],
    }


class Cells(HTMLParser):
    """The rows of the first table as text; every tag, and every attribute that names something elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [name for name, _ in attrs if name in {"src", "href", "onclick", "onload"}]
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def report(tmp_path: Path, *documents: Any, status: int = 0) -> tuple[Result, str]:
    names = []
    for number, document in enumerate(documents):
        names.append(str(tmp_path / f"{number}.json"))
        text = document if isinstance(document, str) else json.dumps(document)
        Path(names[-1]).write_text(text)
    result = CliRunner().invoke(app, ["report", *names, "-o", str(tmp_path / "report.html")])
    assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
    path = tmp_path / "report.html"
    return result, path.read_text() if path.exists() else ""


def test_devices_are_columns_and_engines_rows(tmp_path: Path) -> None:
    first = bench("pi4", {"secateur": 4e6, "LiteRT": 9e6})
    second = bench("pi5", {"secateur": 1.5e6, "onnxruntime": None})
    result, text = report(tmp_path, first, second)
    assert "2 devices, 1 model" in result.stdout
    rows = Cells(text).rows
    assert rows[:5] == [
        ["engine", "pi4", "pi5"],
        ["net, 90% zeros, 2 threads"],
        ["secateur", "4.00 p90 8.00, min 2.00", "1.50 p90 3.00, min 0.750"],
        ["LiteRT", "9.00 p90 18.0, min 4.50", "–"],
        ["onnxruntime", "–", "refused"],
    ]
    # The fastest of each device, and nothing else.
    assert text.count("<td class=best>") == 2
    assert "<td class=best><b>4.00</b>" in text
    assert "width:100.0%" in text
    assert "width:16.7%" in text  # 1.5 of 9


def test_runs_and_benchmarks_go_together(tmp_path: Path) -> None:
    layers = [{"name": "conv", "kernel": "spmm", "median_ns": 3000, "min_ns": 1, "macs": 1}]
    layers += [{"name": "fc", "kernel": "spmv", "median_ns": 1000, "min_ns": 1, "macs": 1}]
    stats = {"count": 3, "min": 1e6, "median": 2e6, "p90": 3e6}
    sensors = {"celsius": [50, 83], "mhz": None, "throttling": ["throttled"], "looks": []}
    run = {
        "schema": "secateur-run/1",
        "model": "net, 90% zeros",
        "isa": "neon",
        "threads": 2,
        "device": "phone",
    }
    run |= {"stats_ns": stats, "layers": layers, "sensors": sensors}
    _, text = report(tmp_path, bench("pi4", {"secateur": 4e6}), run)
    rows = Cells(text).rows
    assert rows[2] == ["secateur", "4.00 p90 8.00, min 2.00", "2.00 p90 3.00, min 1.00"]
    assert ["conv", "spmm", "3.0", "75.0%"] in rows
    assert "class=warning>net, 90% zeros: 50 to 83 °C, SLOWED DOWN by throttled" in text


def test_names_are_text(tmp_path: Path) -> None:
    layers = [{"name": EVIL, "kernel": EVIL, "median_ns": 1000, "min_ns": 1, "macs": 1}]
    sensors = {"celsius": None, "mhz": None, "throttling": [EVIL], "looks": []}
    document = bench(EVIL, {EVIL: 1e6}, EVIL, layers=layers, sensors=sensors)
    document["machine"] |= {"cpu": EVIL, "os": EVIL, "governor": EVIL}
    _, text = report(tmp_path, document, document)
    found = Cells(text)
    assert not found.tags & {"script", "img", "link", "iframe", "svg"}
    assert found.links == []
    assert "http" not in text
    assert "\x1b" not in text
    shown = EVIL.replace("\x1b", "\\x1b")
    assert found.rows[0] == ["engine", f"{shown} (1)", f"{shown} (2)"]


def test_it_is_made_for_phones_and_the_dark(tmp_path: Path) -> None:
    _, text = report(tmp_path, bench("pi", {"secateur": 1e6}))
    assert 'name=viewport content="width=device-width' in text
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("no JSON", "is not JSON"),
        ([1, 2], "is of schema None"),
        ({"schema": "secateur-doctor/1"}, "a report takes secateur-bench/1"),
        ({"schema": "secateur-bench/1", "machine": {"cpu": "x"}}, "is not whole: KeyError('results')"),
        ({"schema": "secateur-run/1", "model": "m", "isa": "x", "threads": 1, "stats_ns": 3}, "is not whole"),
    ],
)
def test_what_is_no_result_is_one_sentence(tmp_path: Path, document: Any, sentence: str) -> None:
    result, text = report(tmp_path, document, status=1)
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert text == ""


def test_bad_paths(tmp_path: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["report", str(tmp_path / "none.json"), "-o", str(tmp_path / "r.html")])
    assert "there are no results at" in result.stderr
    result = runner.invoke(app, ["report", str(tmp_path / "none.json"), "-o", str(tmp_path / "r.txt")])
    assert "should end in .html" in result.stderr
