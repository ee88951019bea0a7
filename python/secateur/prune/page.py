"""The report of a pruned network as one page of HTML that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from secateur.prune.account import Account, Cost
from secateur.prune.report import Report

Curves = Mapping[str, Sequence[tuple[float, float]]]
WIDTH, HEIGHT, LEFT, TOP = 640, 320, 56, 12  # of the plot's area and its margins, in pixels
LOWEST, HIGHEST = -8, 3  # powers of ten between which changes are drawn
NAMED = 6  # layers that have a colour and a place in the legend: the most sensitive
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe & Ito, 2008
STYLE = """
:root { color-scheme: light; font: 15px/1.45 system-ui, sans-serif; color: #1d2125; background: #fff }
body { max-width: 1080px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e3e6e8 }
th { border-bottom: 2px solid #9aa3aa; font-weight: 600 }
td.text, th.text { text-align: left } tr.all td { font-weight: 600; border-top: 2px solid #9aa3aa }
td.note { white-space: normal; color: #5b646b } .was { color: #78828a }
.tiles { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0 }
.tiles div { border: 1px solid #d5dade; border-radius: 6px; padding: .5rem 1rem }
.tiles b { font-size: 1.3rem }
svg text { font-size: 12px; fill: #3c444a } li { margin: .2rem 0 }
"""


def page(report: Report, account: Account, curves: Curves | None = None, title: str = "") -> str:
    """HTML of what was pruned: a table of layers, what each takes, curves of sensitivity, notes.

    title: of the page, such as the network's name. Names are escaped; nothing is loaded from elsewhere.
    """
    name = escape(title or "Pruned network")
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>',
        f"<style>{STYLE}</style></head><body><h1>{name}</h1>",
        _tiles(account),
        "<h2>Layers</h2>",
        f"<p>Time is predicted, in {escape(account.unit)}.</p>"
        if account.before.milliseconds is not None
        else "",
        _table(report, account),
    ]
    if curves:
        parts += [
            "<h2>Sensitivity</h2><p>Change of the network's outputs with one layer pruned and the others "
            "dense, over the spread of the outputs: 1 is as bad as a constant.</p>",
            _plot(curves),
        ]
    if report.notes:
        parts.append("<h2>Notes</h2><ul>" + "".join(f"<li>{escape(n)}</li>" for n in report.notes) + "</ul>")
    return "\n".join(parts) + "\n</body></html>\n"


def page_table(
    report: Report, account: Account, curves: Curves | None = None, title: str = ""
) -> dict[str, Any]:
    """What the page shows as plain values, for JSON."""
    return {
        "title": title,
        "report": report.to_dict(),
        "account": account.to_dict(),
        "sensitivity": {name: [list(point) for point in points] for name, points in (curves or {}).items()},
    }


def _amounts(cost: Cost) -> list[str]:
    found = [f"{cost.parameters:,.0f}", f"{cost.flops / 1e6:,.3g}", f"{cost.bytes / 1e3:,.4g}"]
    return found + ([] if cost.milliseconds is None else [f"{cost.milliseconds:.3g}"])


def _heads(account: Account) -> list[str]:
    timed = account.before.milliseconds is not None
    return ["parameters", "MFLOPs", "kB", *(["time"] if timed else [])]


def _unit(account: Account) -> str:
    timed = account.before.milliseconds is not None
    return f"<p>Time is predicted, in {escape(account.unit)}.</p>" if timed else ""


def _tiles(account: Account) -> str:
    cells = []
    pairs = zip(_heads(account), _amounts(account.before), _amounts(account.after), strict=True)
    for head, was, now in pairs:
        cells.append(f'<div>{escape(head)}<br><b>{now}</b> <span class="was">of {was}</span></div>')
    return f'<div class="tiles">{"".join(cells)}</div>'


def _table(report: Report, account: Account) -> str:
    takes = {row.name: row for row in account.layers}
    heads = "".join(f"<th>{escape(head)}</th>" for head in ("sparsity", *_heads(account)))
    lines = [
        f'<div class="scroll"><table><thead><tr><th class="text">layer</th><th class="text">shape</th>'
        f'<th class="text">pattern</th>{heads}<th class="text"></th></tr></thead><tbody>'
    ]
    for layer in report.layers:
        cells = [f'<td class="text">{escape(layer.name)}</td>']
        cells.append(f'<td class="text">{"×".join(map(str, layer.shape))}</td>')
        cells.append(f'<td class="text">{escape(layer.pattern) or "–"}</td><td>{layer.sparsity:.1%}</td>')
        row = takes.get(layer.name)
        if row is not None:
            cells += _pairs(row.before, row.after)
        lines.append(f'<tr>{"".join(cells)}<td class="text note">{escape(layer.note)}</td></tr>')
    cells = _pairs(account.before, account.after)
    lines.append(
        f'<tr class="all"><td class="text">all</td><td></td><td></td><td>{report.sparsity:.1%}</td>'
        f"{''.join(cells)}<td></td></tr></tbody></table></div>"
    )
    return "\n".join(lines)


def _pairs(before: Cost, after: Cost) -> list[str]:
    pairs = zip(_amounts(before), _amounts(after), strict=True)
    return [
        f"<td>{now}</td>" if was == now else f'<td><span class="was">{was} →</span> {now}</td>'
        for was, now in pairs
    ]


def _plot(curves: Curves) -> str:
    """Changes against sparsity, the changes in a logarithmic scale; the most sensitive layers in colour."""
    worst = sorted(curves, key=lambda name: -max(change for _, change in curves[name]))
    changes = [change for points in curves.values() for _, change in points if 0 < change < math.inf]
    low = max(LOWEST, math.floor(math.log10(min(changes, default=0.1))))
    high = max(low + 1, min(HIGHEST, math.ceil(math.log10(max(changes, default=1.0)))))

    def height(change: float) -> float:
        power = math.log10(change) if change > 0 else low
        return TOP + HEIGHT * (1 - (min(max(power, low), high) - low) / (high - low))

    colour = dict(zip(worst[:NAMED], COLOURS, strict=False))
    lines = [
        f'<svg viewBox="0 0 {LEFT + WIDTH + 240} {TOP + HEIGHT + 40}" width="100%" role="img" '
        f'aria-label="Change of the outputs against sparsity, by layer">'
    ]
    for power in range(low, high + 1):
        y = height(10.0**power)
        lines.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e6e8"/>')
        label = f"{10.0**power:g}" if abs(power) < 3 else f"1e{power}"
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for percent in range(0, 101, 25):
        x = LEFT + WIDTH * percent / 100
        lines.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{percent}%</text>')
    lines.append(f'<text x="{LEFT + WIDTH / 2}" y="{TOP + HEIGHT + 36}" text-anchor="middle">sparsity</text>')
    for name in reversed(worst):  # what is in colour lies above
        points = [(LEFT + WIDTH * s, height(change)) for s, change in curves[name]]
        stroke = colour.get(name, "#c3c9ce")
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        lines.append(
            f'<g><title>{escape(name)}</title><polyline points="{path}" fill="none" stroke="{stroke}" '
            f'stroke-width="{2 if name in colour else 1}"/>'
        )
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{stroke}"/>' for x, y in points]
        lines.append("</g>")
    for number, (name, stroke) in enumerate(colour.items()):
        y, x = TOP + 14 + 20 * number, LEFT + WIDTH + 16
        short = name if len(name) <= 28 else "…" + name[-27:]
        lines.append(f'<line x1="{x}" x2="{x + 18}" y1="{y}" y2="{y}" stroke="{stroke}" stroke-width="2"/>')
        lines.append(f'<text x="{x + 24}" y="{y + 4}">{escape(short)}</text>')
    if len(worst) > NAMED:
        y = TOP + 14 + 20 * NAMED
        lines.append(f'<text x="{LEFT + WIDTH + 16}" y="{y + 4}">{len(worst) - NAMED} others in grey</text>')
    return "\n".join(lines) + "</svg>"
