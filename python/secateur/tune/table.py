"""A machine's shipped table from measurements that lie beside it: what benchmarks/fit_cost.py does.

Measurements are every plan that a tuner tried, of common layers at some sparsities; the table is the
constants that were fitted to them, and says which file that was. `agrees` fits anew and compares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secateur import _core
from secateur.errors import InvalidArgumentError
from secateur.tune.fit import fit

# The constants that times of single plans say something about; the others are thresholds between plans.
FREE = (
    "broadcast",
    "block",
    "strip_vector",
    "strip",
    "pack_vector",
    "crossing",
    "halfway",
    "saved",
    "pair_nonzero",
    "far_weight_line",
)


def measurements(tuner: _core.Tuner, isa: str, cpu_name: str, profile: Mapping[str, Any]) -> dict[str, Any]:
    """What a tuner tried, as the table of a file: plans of many positions, each with its nanoseconds."""
    position = _core.PROFILE_COLUMNS.index
    plans = [row for row in tuner.trials if row[position("out_height")] * row[position("out_width")] > 1]
    return {
        "secateur_cost_measurements": 1,
        "cpu": _core.cpu_identity(),
        "cpu_name": cpu_name,
        "isa": isa,
        "l1_bytes": profile["l1_bytes"],
        "l2_bytes": profile["l2_bytes"],
        "columns": _core.PROFILE_COLUMNS,
        "plans": plans,
    }


def fitted(
    data: Mapping[str, Any], start: Mapping[str, float] | None = None
) -> tuple[dict[str, float], float]:
    """The constants for those measurements, and the root of their error. Raises InvalidArgumentError."""
    if data.get("secateur_cost_measurements") != 1:
        raise InvalidArgumentError("these are no measurements of plans (benchmarks/fit_cost.py makes them)")
    if data["columns"] != _core.PROFILE_COLUMNS:
        raise InvalidArgumentError("the measurements have other columns than this version: measure again")
    isa, plans = data["isa"], data["plans"]
    caches = {"l1_bytes": data["l1_bytes"], "l2_bytes": data["l2_bytes"]}

    def predict(costs: Mapping[str, float]) -> list[float]:
        return _core.plan_costs(plans, isa, dict(costs), **caches)

    ns = _core.PROFILE_COLUMNS.index("ns")
    constants = dict(start or data.get("start") or _core.shipped_costs(isa))
    return fit(predict, [row[ns] for row in plans], constants, [name for name in FREE if name in constants])


def table_text(data: Mapping[str, Any], source: str) -> str:
    """The file for csrc/machine/costs/: constants and where they come from."""
    constants, error = fitted(data)
    lines = [
        f"// {data['isa']} on {data['cpu_name']} ({data['cpu']}), fitted to {len(data['plans'])} plans:",
        f"// {source}, by benchmarks/fit_cost.py;",
        f"// a plan's time is met to {100 * error:.0f}%, root mean square.",
    ]
    lines += [f"SCT_COST({name}, {value:g})" for name, value in constants.items()]
    return "\n".join([*lines, "#undef SCT_COST", ""])


def read_table(text: str) -> tuple[dict[str, float], str | None]:
    """The constants of such a file, and the measurements that it names, if it does."""
    constants = {name: float(value) for name, value in re.findall(r"^SCT_COST\((\w+), ([^)]+)\)", text, re.M)}
    named = re.search(r"^// (\S+\.json), by benchmarks/fit_cost\.py", text, re.M)
    return constants, named.group(1) if named else None


def agrees(text: str, data: Mapping[str, Any]) -> bool:
    """Whether a table is what its measurements give."""
    constants, _ = fitted(data)
    found, _ = read_table(text)
    return {name: f"{value:g}" for name, value in constants.items()} == {
        name: f"{value:g}" for name, value in found.items()
    }
