"""`secateur inspect`: what is in a model file, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from secateur.cli.common import Json, NoLimits, limits_of, print_json, shape, size, stdout
from secateur.text import printable

# As passes/choose_format.py says it; on a device there is no compiler to ask.
NO_ZEROS = "no weight is zero: the network is not pruned, or lost its zeros before it was compiled"


def command(
    model: Annotated[Path, typer.Argument(metavar="MODEL.sct", help="A model file.", show_default=False)],
    why: Annotated[bool, typer.Option("--why", help="Show why each layer has its format.")] = False,
    no_limits: NoLimits = False,
    json: Json = False,
) -> None:
    """Show a model's layers: operator, shape, format, sparsity, nonzeros, bytes, and the kernel that this
    machine runs it with.

    Example: secateur inspect model.sct --why
    """
    import secateur as sct

    with sct.Session(model, limits=limits_of(no_limits)) as session:
        layers = session.layers
        facts: dict[str, Any] = {
            "name": session.name,
            "file_bytes": model.stat().st_size,
            "isa": session.isa,
            "machine": session.machine,
            "inputs": session.inputs,
            "outputs": session.outputs,
            "memory": session.memory,
            "totals": totals(layers),
            "metadata": session.metadata,
        }
    if json:
        print_json({**facts, "layers": layers})
        return
    from rich.text import Text

    console = stdout()
    console.print(_table(layers))
    total = facts["totals"]
    if total["weights"] and total["nonzeros"] == total["weights"]:
        console.print(Text(NO_ZEROS, "bold"))
    if why:
        for names, reason in reasons(layers):
            console.print(Text.assemble((printable(names), "bold"), f": {printable(reason)}"))
        for line in plans(layers, facts["machine"]):
            console.print(Text(printable(line)))
    ports, results = (
        ", ".join(f"{printable(p['name'])} {shape(p['shape'])}" for p in facts[side])
        for side in ("inputs", "outputs")
    )
    for line in said(facts["metadata"]):
        console.print(Text(printable(line)))
    memory = facts["memory"]
    console.print(
        f"{printable(session.name)}: {ports} -> {results}; file {size(facts['file_bytes'])}, in memory "
        f"{size(memory['packed'])} of weights, {size(memory['arena'])} of activations; {session.isa} kernels"
    )


def said(metadata: dict[str, Any]) -> list[str]:
    """What the file's maker says of the model, a line a key; long lists are cut.

    >>> said({"labels": ["cat", "dog", "hen"], "mean": [0.5], "size": 224.0, "by": "me"})
    ["labels: 3, 'cat', 'dog', 'hen'", 'mean: 1, 0.5', 'size: 224.0', "by: 'me'"]
    """
    lines = []
    for key, value in metadata.items():
        values = value if isinstance(value, list) else [value]
        shown = [f"'{_short(x)}'" if isinstance(x, str) else str(x) for x in values[:8]]
        count = [str(len(values))] if isinstance(value, list) else []
        lines.append(f"{key}: " + ", ".join(count + shown + (["..."] if len(values) > 8 else [])))
    return lines


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def reasons(layers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(layers, why they have their format), layers of one reason together.

    >>> row = {"name": "a", "reason": "dense: it has no zeros"}
    >>> reasons([row, {"name": "b", "reason": "csr"}, {**row, "name": "c"}, {**row, "name": "d"}])
    [('a and 2 others', 'dense: it has no zeros'), ('b', 'csr')]
    """
    found: dict[str, list[str]] = {}
    for row in layers:
        if row["reason"]:
            found.setdefault(row["reason"], []).append(row["name"])

    def said(names: list[str]) -> str:
        others = len(names) - 1
        return names[0] + (f" and {others} other" + ("s" if others > 1 else "") if others else "")

    return [(said(names), reason) for reason, names in found.items()]


def plans(layers: list[dict[str, Any]], machine: dict[str, str]) -> list[str]:
    """What decided how layers are cut into tiles, blocks and strips: a line for each measured one, one for
    the others.

    >>> row = {"name": "a", "op": "Conv", "kernel": "csr 1x64", "measured_ns": 12_000, "planned_ns": 15_000}
    >>> machine = {"family": "x86-avx2", "profile": "p.json"}
    >>> for line in plans([row, {**row, "name": "b", "measured_ns": 0}], machine):
    ...     print(line)
    a: csr 1x64 as measured: 12.0 us, 15.0 us as the constants of p.json choose
    the plan of 1 other layer: by the constants of p.json
    """
    constants = (
        f"the constants of {machine['profile']}"
        if machine["profile"]
        else (f"the table shipped for {machine['family']}")
    )
    lines = [
        f"{row['name']}: {row['kernel']} as measured: {row['measured_ns'] / 1e3:.1f} us, "
        f"{row['planned_ns'] / 1e3:.1f} us as {constants} choose"
        for row in layers
        if row["measured_ns"]
    ]
    others = sum(row["op"] == "Conv" and not row["measured_ns"] for row in layers)
    if others:
        which = " other" if lines else ""
        lines.append(f"the plan of {others}{which} layer{'s' if others > 1 else ''}: by {constants}")
    return lines


def totals(layers: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over the layers with weights."""
    weights = sum(row["rows"] * row["cols"] for row in layers)
    nonzeros = sum(row["nnz"] for row in layers)
    return {
        "layers": len(layers),
        "weights": weights,
        "nonzeros": nonzeros,
        "sparsity": 1 - nonzeros / weights if weights else 0.0,
        "stored_bytes": sum(row["stored_bytes"] for row in layers),
        "macs": sum(row["macs"] for row in layers),
    }


def _dtype(row: dict[str, Any]) -> str:
    """What an operator computes with, and how its weight is stored where that differs.

    >>> _dtype({"dtype": "i8", "weight_bits": 8}), _dtype({"dtype": "f32", "weight_bits": 16})
    ('i8', 'f32, f16 stored')
    """
    stored = {0: row["dtype"], 8: "i8", 16: "f16", 32: "f32"}[row["weight_bits"]]
    return str(row["dtype"]) if stored == row["dtype"] else f"{row['dtype']}, {stored} stored"


def _table(layers: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_footer=True)
    total = totals(layers)
    columns = [
        ("layer", "left", f"{total['layers']} layers"),
        ("operator", "left", ""),
        ("output", "right", ""),
        ("dtype", "left", ""),
        ("format", "left", ""),
        ("sparsity", "right", f"{total['sparsity']:.1%}"),
        ("nonzeros", "right", f"{total['nonzeros']:,}"),
        ("bytes", "right", f"{total['stored_bytes']:,}"),
        ("kernel", "left", ""),
    ]
    for name, justify, footer in columns:
        fold = name in {"layer", "kernel"}
        table.add_column(name, justify=justify, footer=footer, overflow="fold" if fold else "ellipsis")  # type: ignore[arg-type]
    for row in layers:
        weighty = row["rows"] > 0
        form = f"{row['format']} {row['block']}".strip() if weighty else ""
        table.add_row(
            printable(row["name"]),
            row["op"],
            shape(row["output_shape"]),
            _dtype(row),
            form,
            f"{row['sparsity']:.1%}" if weighty else "",
            f"{row['nnz']:,}" if weighty else "",
            f"{row['stored_bytes']:,}" if row["stored_bytes"] else "",
            row["kernel"],
        )
    return table
