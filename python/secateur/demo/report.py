"""The demo's report: one HTML file with its pictures inside, to open, mail or archive."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from secateur.bench.plots import latency_against_sparsity, layers_sparse_against_dense
from secateur.bench.report import Result
from secateur.demo.checks import Check
from secateur.demo.data import Digits
from secateur.demo.measure import Row
from secateur.demo.plots import latency_bars, sample_digits, size_against_accuracy, svg
from secateur.demo.tables import DIGITS_HEADER, ZOO_HEADER, digits_rows, zoo_rows
from secateur.text import printable

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2422; max-width: 62rem; }
body { margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.sub, figcaption { color: #5a6663; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid #dde4e1; text-align: right; white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; } th:first-child, td:first-child { text-align: left; }
td.pass { color: #0b6e4f; } td.fail { color: #b00020; font-weight: 600; }
table.checks td { text-align: left; white-space: normal; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; }
"""


def _text(text: str) -> str:
    return html.escape(printable(text))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _figure(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{_text(caption)}</figcaption></figure>"


def _checks(checks: Sequence[Check]) -> str:
    rows = "".join(
        f'<tr><td class="{"pass" if c.passed else "fail"}">{"pass" if c.passed else "FAIL"}</td>'
        f"<td>{_text(c.text)}</td><td>{_text(c.detail)}</td></tr>"
        for c in checks
    )
    return f'<table class="checks"><tbody>{rows}</tbody></table>'


def _layers(rows: Sequence[Row]) -> str:
    dense, sparse = rows[0], next((r for r in rows if r.key == "element90"), None)
    if sparse is None or not sparse.profile or not dense.profile:
        return ""
    picture = svg(layers_sparse_against_dense(sparse.profile, dense.profile, sparse.label))
    return "<h2>Layer by layer</h2>" + _figure(
        picture,
        "Where the time goes: each layer dense, and pruned to 90%. Depthwise layers are never pruned.",
    )


def _zoo(results: Sequence[Result]) -> str:
    if not results:
        return ""
    parts = [
        "<h2>Networks people know, at 224×224</h2>",
        "<p>Every 1×1, k×k and linear weight pruned to the same sparsity, except the first layer and the "
        "classifier. Networks with random weights are timed for speed only.</p>",
        _table(ZOO_HEADER, zoo_rows(results)),
    ]
    by_name: dict[str, list[Result]] = {}
    for result in results:
        by_name.setdefault(result.workload.name, []).append(result)
    for name, group in by_name.items():
        if any(o.samples for r in group for o in r.outcomes):
            parts.append(_figure(svg(latency_against_sparsity(group)), f"{name}: latency against sparsity."))
    return "".join(parts)


def _machine(machine: dict[str, Any], versions: dict[str, str], seconds: float) -> str:
    names = ("cpu", "cores", "flags", "governor", "os")
    facts = [(name, machine.get(name)) for name in names] + [("run time", f"{seconds:.0f} s")]
    facts += list(versions.items())
    rows = []
    for name, value in facts:
        shown = (
            " ".join(map(str, value))
            if isinstance(value, list)
            else str(value if value is not None else "unknown")
        )
        rows.append(f"<tr><td>{_text(name)}</td><td>{_text(shown)}</td></tr>")
    return f'<table class="checks"><tbody>{"".join(rows)}</tbody></table>'


def render(
    rows: Sequence[Row],
    results: Sequence[Result],
    checks: Sequence[Check],
    data: Digits,
    *,
    machine: dict[str, Any],
    versions: dict[str, str],
    threads: int,
    seconds: float,
) -> str:
    """The whole page."""
    kept = sum(c.passed for c in checks)
    shown = next((r for r in rows if r.key == "element90"), rows[0])
    on = f"{threads} thread" + ("s" if threads > 1 else "")
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>secateur demo</title><style>{STYLE}</style>",
        "<h1>Pruned, compiled, and measured</h1>",
        f"<p class='sub'>{len(data.test_labels)} held-out handwritten digits through each compiled model; "
        f"latency of one image on {on}; {kept} of {len(checks)} checks passed.</p>",
        _table(DIGITS_HEADER, digits_rows(rows)),
        "<p class='sub'>“vs dense self” and “vs PyTorch” are ratios of medians; the three took turns, sample "
        "by sample, in one run.</p>",
        "<h2>Checks</h2>",
        _checks(checks),
        "<h2>Size against accuracy</h2>",
        _figure(svg(size_against_accuracy(rows)), "Smaller to the left, better to the top."),
        "<h2>Latency</h2>",
        _figure(svg(latency_bars(rows)), "Lower is faster."),
        _layers(rows),
        f"<h2>What {_text(shown.label)} reads</h2>",
        _figure(
            svg(sample_digits(data, shown)),
            "Test images and what the compiled model makes of them; mistakes, if any, come first and red.",
        ),
        _zoo(results),
        "<h2>The machine</h2>",
        _machine(machine, versions, seconds),
    ]
    return "\n".join(parts)
