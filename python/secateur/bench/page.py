"""Several results side by side in one HTML page: devices as columns, models and engines as rows.

The page holds all it needs: no script, no font, no address of anything else. Every name in it is escaped.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secateur.bench.page_style import STYLE
from secateur.bench.stats import milliseconds
from secateur.deploy.facts import in_words, told
from secateur.errors import InvalidArgumentError, ModelNotFoundError
from secateur.text import printable

BENCH, RUN = "secateur-bench/1", "secateur-run/1"


@dataclass(frozen=True)
class Timed:
    """What one engine came to on one model: nanoseconds, or why there are none."""

    model: str
    engine: str
    threads: int
    stats: dict[str, float] | None
    why: str = ""


@dataclass
class Column:
    """One file: a device, and what was timed there."""

    title: str
    about: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    times: list[Timed] = field(default_factory=list)
    layers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def read_results(path: Path) -> Column:
    """A results file of `secateur bench --out` or `secateur run --json`.

    Raises ModelNotFoundError, InvalidArgumentError where it is neither.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelNotFoundError(f"there are no results at {path}") from None
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError:
        raise InvalidArgumentError(f"{path} is not JSON") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    try:
        if schema == BENCH:
            return _of_bench(document)
        if schema == RUN:
            return _of_run(document, path.stem)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgumentError(f"{path} is not whole: {error!r}") from None
    raise InvalidArgumentError(
        f"{path} is of schema {schema!r}: a report takes {BENCH} (secateur bench --out) and {RUN} "
        "(secateur run --json)"
    )


def _of_bench(document: dict[str, Any]) -> Column:
    machine = document["machine"]
    column = Column(str(machine.get("device") or machine["cpu"]))
    column.about = _about(machine, str(document.get("date", "")))
    for result in document["results"]:
        sparsity = float(result["sparsity"])
        model = f"{result['network']}, {f'{sparsity:.0%} zeros' if sparsity else 'dense'}"
        threads = int(result["threads"])
        for engine in result["engines"]:
            why = "" if engine["status"] == "ok" else str(engine["status"])
            stats = _stats(engine["stats_ns"])
            column.times.append(Timed(model, str(engine["label"]), threads, stats, why))
        if result.get("layers"):
            column.layers[model] = list(result["layers"])
        _warn(column, result.get("sensors"), model)
    return column


def _of_run(document: dict[str, Any], name: str) -> Column:
    column = Column(str(document.get("device") or f"this machine ({name})"))
    column.about = [f"{document['isa']} kernels"]
    model, stats = str(document["model"]), _stats(document["stats_ns"])
    column.times.append(Timed(model, "secateur", int(document["threads"]), stats))
    if document.get("layers") and "median_ns" in document["layers"][0]:
        column.layers[model] = list(document["layers"])
    _warn(column, document.get("sensors"), model)
    return column


def _stats(stats: dict[str, Any] | None) -> dict[str, float] | None:
    return {key: float(stats[key]) for key in ("median", "p90", "min")} if stats else None


def _about(machine: dict[str, Any], date: str) -> list[str]:
    cores = machine.get("cores")
    facts = (
        machine.get("cpu"),
        f"{cores} cores" if cores else "",
        machine.get("os"),
        f"governor {machine['governor']}" if machine.get("governor") else "",
        date[:10],
    )
    return [str(fact) for fact in facts if fact]


def _warn(column: Column, sensors: dict[str, Any] | None, model: str) -> None:
    if not sensors:
        return
    said = in_words({**told([]), **sensors})
    if sensors.get("throttling"):
        column.warnings.append(f"{model}: {said}")
    elif said:
        column.about.append(f"{model}: {said}")


def page(columns: Sequence[Column]) -> str:
    """The page as HTML.

    >>> timed = Timed("net", "secateur", 1, {"median": 2e6, "p90": 3e6, "min": 1e6})
    >>> text = page([Column("pi <1>", times=[timed])])
    >>> "pi &lt;1&gt;" in text, "2.00" in text, "<script" in text
    (True, True, False)
    """
    columns = _with_titles(columns)
    parts = [
        "<h1>Inference times</h1>",
        "<p>Medians in milliseconds, with the 90th percentile and the least.</p>",
    ]
    parts += [_table(columns), "<h2>Devices</h2>", "<div class=cards>", *map(_card, columns), "</div>"]
    layers = [_layers(column, model) for column in columns for model in column.layers]
    parts += ["<h2>Layers</h2>", *layers] if layers else []
    return (
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        "<meta name=color-scheme content='light dark'>\n"
        f"<title>secateur: inference times</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _with_titles(columns: Sequence[Column]) -> list[Column]:
    """Devices of one name get numbers."""
    titles = [column.title for column in columns]
    made = []
    for number, column in enumerate(columns):
        again = titles[:number].count(column.title)
        title = f"{column.title} ({again + 1})" if titles.count(column.title) > 1 else column.title
        made.append(Column(title, column.about, column.warnings, column.times, column.layers))
    return made


def _text(value: object) -> str:
    return html.escape(printable(str(value)))


def _table(columns: Sequence[Column]) -> str:
    keys = list(dict.fromkeys((t.model, t.threads, t.engine) for column in columns for t in column.times))
    groups = list(dict.fromkeys((model, threads) for model, threads, _ in keys))
    found = [{(t.model, t.threads, t.engine): t for t in column.times} for column in columns]
    head = "".join(f"<th scope=col>{_text(column.title)}</th>" for column in columns)
    lines = [f"<div class=wide><table><thead><tr><th scope=col>engine</th>{head}</tr></thead>"]
    for model, threads in groups:
        rows = [key for key in keys if key[:2] == (model, threads)]
        best = [
            min((t.stats["median"] for key in rows if (t := of.get(key)) and t.stats), default=0.0)
            for of in found
        ]
        most = max(
            (t.stats["median"] for of in found for key in rows if (t := of.get(key)) and t.stats), default=1
        )
        title = f"{_text(model)}, {threads} thread{'s' if threads > 1 else ''}"
        lines.append(f"<tbody><tr><th colspan={len(columns) + 1} scope=rowgroup>{title}</th></tr>")
        for key in rows:
            cells = "".join(
                _cell(of.get(key), fastest, most) for of, fastest in zip(found, best, strict=True)
            )
            lines.append(f"<tr><th scope=row>{_text(key[2])}</th>{cells}</tr>")
        lines.append("</tbody>")
    return "\n".join([*lines, "</table></div>"])


def _cell(timed: Timed | None, fastest: float, most: float) -> str:
    if timed is None:
        return "<td class=none>–</td>"
    if timed.stats is None:
        return f"<td class=none>{_text(timed.why or 'not timed')}</td>"
    median = timed.stats["median"]
    kind = " class=best" if median == fastest else ""
    bar = f"<i style='width:{100 * median / most:.1f}%'></i>" if most > 0 else ""
    rest = f"p90 {milliseconds(timed.stats['p90'])}, min {milliseconds(timed.stats['min'])}"
    return f"<td{kind}><b>{milliseconds(median)}</b> <small>{rest}</small>{bar}</td>"


def _card(column: Column) -> str:
    about = "".join(f"<li>{_text(line)}</li>" for line in column.about)
    warned = "".join(f"<li class=warning>{_text(line)}</li>" for line in column.warnings)
    return f"<section><h3>{_text(column.title)}</h3><ul>{about}{warned}</ul></section>"


def _layers(column: Column, model: str) -> str:
    rows = column.layers[model]
    total = sum(row["median_ns"] for row in rows) or 1
    lines = [
        f"<tr><th scope=row>{_text(row['name'])}</th><td>{_text(row['kernel'])}</td>"
        f"<td>{row['median_ns'] / 1e3:.1f}</td><td>{row['median_ns'] / total:.1%}</td></tr>"
        for row in rows
    ]
    head = "".join(f"<th scope=col>{name}</th>" for name in ("layer", "kernel", "µs", "share"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    title = f"{_text(column.title)}: {_text(model)}, {len(rows)} layers"
    return f"<details><summary>{title}</summary><div class=wide>{table}</div></details>"
