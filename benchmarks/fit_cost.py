"""Makes a table of csrc/machine/costs/ out of measurements on this machine.

    python benchmarks/fit_cost.py measure -o benchmarks/costs/amd-zen5-avx512.json --minutes 6
    python benchmarks/fit_cost.py fit benchmarks/costs/amd-zen5-avx512.json \\
        -o csrc/machine/costs/zen5_avx512.inc

Measure on a machine that does nothing else. The measurements are committed beside the table:
tests/python/tune/test_fit.py fits them anew and compares. A new table gets its row in
csrc/machine/machine.cc.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from secateur import _core
from secateur.tune.layers import DENSITIES, SHAPES, layer_model
from secateur.tune.run import cpu_name
from secateur.tune.table import measurements, table_text


def measure(output: Path, isa: str, minutes: float) -> None:
    tuner = _core.Tuner(isa)
    for shape in SHAPES:
        for density in DENSITIES:
            tuner.add_model(layer_model(shape, density), False)
    for i in range(len(tuner)):
        tuner.measure(i, 60 * minutes / len(tuner))
        print(f"[{i + 1}/{len(tuner)}] {tuner.layer_name(i)}", file=sys.stderr)
    data = measurements(tuner, isa or _core.selected_isa(), cpu_name(), json.loads(tuner.profile()))
    data["start"] = _core.shipped_costs(isa)
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in data.pop("plans"))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(data)[:-1] + ', "plans": [\n' + rows + "\n]}\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    measuring = verbs.add_parser("measure", help="times plans of common layers")
    measuring.add_argument("-o", "--output", type=Path, required=True)
    measuring.add_argument("--isa", default="")
    measuring.add_argument("--minutes", type=float, default=6)
    fitting = verbs.add_parser("fit", help="fits the constants to measurements")
    fitting.add_argument("data", type=Path)
    fitting.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    if args.verb == "measure":
        measure(args.output, args.isa, args.minutes)
    else:
        args.output.write_text(table_text(json.loads(args.data.read_text()), args.data.as_posix()))


if __name__ == "__main__":
    main()
