"""The ONNX package's own cases, compiled and run: what does as it is defined, and what is excepted.

    python benchmarks/onnx_conformance.py                 # prints the table
    python benchmarks/onnx_conformance.py --write         # puts it into docs/onnx.md
    python benchmarks/onnx_conformance.py --only softmax -v

Every case of `onnx.backend.test.case.node.collect_testcases` is a network of an operator or of the nodes that
define it. Its inputs are the network's inputs; where the compiler wants one of them as a constant (weights,
indices, shapes), that is what it gets. The outputs are held against those of the case with its tolerances, at
least 1e-4 relative and 1e-6 absolute. Cases of an opset above the newest that is read are taken as that one
where each of their operators has a form there.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper

import secateur as sct
from secateur.errors import InvalidArgumentError, SecateurError
from secateur.frontend.onnx.model import CONTROL
from secateur.frontend.onnx.read import NEWEST
from secateur.frontend.onnx.readers import READERS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "onnx.md"
BEGIN, END = "<!-- made by benchmarks/onnx_conformance.py -->", "<!-- end of what is made -->"
OTHER_TYPES = "of other types"
SECONDARY = "must be a constant|must be computed"  # where another choice of inputs says more
EMPTY_ROWS = "fullymasked|nan_robustness|structural_empty"
TAKEN = (np.float32, np.int32, np.int64, np.bool_)

# (pattern of a reason, what it comes to): reasons of the compiler are longer than a line of the table.
REASONS = [
    (r"of other types", "lists of tensors as inputs"),
    (r"has 0 dimensions", "a number without dimensions that is computed"),
    (r"dimensions; 1 to", "too many dimensions"),
    (r"every size is at least 1|an empty slice|a constant of 0", "tensors without elements"),
    (r"is of opset|imports no opset", "operators newer than opset 23"),
    (r"operators of a domain", "another domain"),
    (r"does not depend on the inputs", "outputs that do not depend on the inputs"),
    (r"must be a constant|not be a constant", "weights, scales or indices computed at run time"),
    (r"its output \d|more than its first output", "optional outputs (masks, statistics, indices)"),
    (r"training mode", "training"),
    (r"random", "random numbers"),
    (
        r"division of integers|conversion of|arithmetic on integers",
        "integer division and rounding conversions",
    ),
    (r"power of two|number for each", "powers whose exponent is computed or differs"),
    (r"soft cap|past keys", "attention with a soft cap, or with past keys and values in one operator"),
    (r"different lengths", "sequences of different lengths in one batch"),
]


@dataclass
class Result:
    """What a case came to; `reason` is "" where it passed, `wrong` where it ran and gave something else."""

    name: str
    operators: tuple[str, ...]
    reason: str = ""
    wrong: bool = False


def bound(model: ModelProto, fixed: dict[str, Any]) -> ModelProto:
    """The network with these inputs as constants."""
    made = ModelProto()
    made.CopyFrom(model)
    kept = [value for value in made.graph.input if value.name not in fixed]
    del made.graph.input[:]
    made.graph.input.extend(kept)
    for name, x in fixed.items():
        made.graph.initializer.append(numpy_helper.from_array(np.asarray(x), name))
    return at_newest(made)


def at_newest(model: ModelProto) -> ModelProto:
    """Taken as the newest opset that is read, where all operators have a form in it."""
    own = next((o for o in model.opset_import if o.domain in ("", "ai.onnx")), None)
    if own is None or own.version <= NEWEST:
        return model
    for node in model.graph.node:
        try:
            schema = onnx.defs.get_schema(node.op_type, NEWEST, node.domain)
        except onnx.defs.SchemaError:
            return model
        if len(node.input) > schema.max_input or any(a.name not in schema.attributes for a in node.attribute):
            return model
    own.version = NEWEST
    return model


def choices(names: Sequence[str], inputs: Sequence[Any]) -> Iterator[list[str]]:
    """Which inputs stay inputs: all, all floats, one alone."""
    able = [n for n, x in zip(names, inputs, strict=True) if isinstance(x, np.ndarray) and x.dtype in TAKEN]
    floats = [n for n, x in zip(names, inputs, strict=True) if n in able and x.dtype == np.float32]
    seen: list[list[str]] = []
    for chosen in (able, floats, *([name] for name in able)):
        if chosen and chosen not in seen:
            seen.append(chosen)
            yield chosen


def run_case(case: Any) -> Result:
    model = case.model
    result = Result(case.name, tuple(sorted({node.op_type for node in model.graph.node})))
    if not claimed(result) or not of_types(case):
        result.reason = OTHER_TYPES
        return result
    names = [value.name for value in model.graph.input]
    inputs, _ = case.data_sets[0]
    live, program = None, None
    for live in choices(names, inputs):
        fixed = {n: x for n, x in zip(names, inputs, strict=True) if n not in live}
        given = {n: x for n, x in zip(names, inputs, strict=True) if n in live}
        try:
            if any(isinstance(x, (list, TensorProto)) or x is None for x in fixed.values()):
                raise InvalidArgumentError(OTHER_TYPES)
            program = sct.compile(bound(model, fixed), given, verify=False, allow_empty=True)
            break
        except SecateurError as error:
            if not result.reason or re.search(SECONDARY, result.reason):
                result.reason = str(error)
    if program is None or live is None:
        result.reason = result.reason or OTHER_TYPES
        return result
    result.reason = ""
    session = program.session()
    for inputs, outputs in case.data_sets:
        given = [x for n, x in zip(names, inputs, strict=True) if n in live]
        if any(x.shape != y.shape for x, y in zip(given, case.data_sets[0][0], strict=False)):
            continue
        got = session.run(*given)
        got = list(got) if isinstance(got, tuple) else [got]
        for y, want in zip(got, outputs, strict=True):
            want = np.asarray(want)
            close = y.shape == want.shape and np.allclose(
                y, want, rtol=max(case.rtol, 1e-4), atol=max(case.atol, 1e-6), equal_nan=True
            )
            if not close:
                result.wrong, result.reason = True, f"gives something else ({case.name})"
                if re.search(EMPTY_ROWS, case.name):
                    result.reason = "queries whose keys are all masked give NaN, in ONNX 0"
                elif re.search("resize_downsample_scales_.*_align_corners", case.name):
                    result.reason = "a size that is no whole number (onnxruntime does not pass these either)"
                elif case.name == "test_logsoftmax_large_number":
                    result.reason = "logarithms of numbers near 10000 are rounded as those are"
    return result


def run_all(only: str = "", verbose: bool = False) -> list[Result]:
    from onnx.backend.test.case.node import collect_testcases

    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in collect_testcases(None):
            if only in case.name:
                results.append(run_case(case))
                if verbose and results[-1].reason:
                    print(f"{results[-1].name}: {results[-1].reason}", file=sys.stderr)
    return results


# Without a reader: run on constants alone, or by the operators that define them.
WITHOUT = {
    "Constant",
    "ConstantOfShape",
    "Shape",
    "Size",
    "Range",
    "SequenceEmpty",
    "RotaryEmbedding",
    *CONTROL,
}


def claimed(result: Result) -> bool:
    """Whether the front end reads all operators of a case."""
    return all(name in READERS or name in WITHOUT for name in result.operators)


def of_types(case: Any) -> bool:
    """Whether all inputs and outputs are of types that are taken."""
    arrays = [x for inputs, outputs in case.data_sets for x in (*inputs, *outputs)]
    return all(isinstance(x, (np.ndarray, np.generic)) and x.dtype in TAKEN for x in arrays)


def shortened(reason: str) -> str:
    for pattern, text in REASONS:
        if re.search(pattern, reason):
            return text
    found = re.search(r"\(([^()]*)\) at ", reason)
    return found.group(1) if found else "an operator of its definition has no reader"


def table(results: Sequence[Result]) -> str:
    """Markdown: what passes by operator, and what is excepted and why."""
    read = [r for r in results if claimed(r)]
    taken = [r for r in read if r.reason != OTHER_TYPES]
    passed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    excepted: dict[str, Counter[str]] = defaultdict(Counter)
    for r in taken:
        operator = r.operators[0] if len(r.operators) == 1 else "of several operators"
        total[operator] += 1
        passed[operator] += not r.reason
        if r.reason:
            excepted[operator][shortened(r.reason) if not r.wrong else r.reason] += 1
    others = {n for r in results for n in r.operators if n not in READERS and n not in WITHOUT}
    others |= {"QuantizeLinear (but in pairs)", "DequantizeLinear (but in pairs)"}
    lines = [
        f"Of {len(results)} cases (onnx {onnx.__version__}) {len(read)} are of operators that are read, "
        f"{sum(total.values())} of them in float32, int32, int64 and bool: **{sum(passed.values())} pass.** "
        "The others:",
        "",
        "| operator | pass | excepted, and why |",
        "| --- | --- | --- |",
    ]
    for operator in sorted(excepted, key=lambda name: (name == "of several operators", name)):
        why = "; ".join(f"{count}: {text}" for text, count in excepted[operator].most_common())
        lines.append(f"| {operator} | {passed[operator]} of {total[operator]} | {why} |")
    whole = sorted(name for name in total if name not in excepted)
    lines += ["", f"All cases pass of: {', '.join(whole)}.", ""]
    lines.append(f"Not read: {', '.join(sorted(others))}.")
    return "\n".join(wrapped for line in lines for wrapped in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    return [line] if line.startswith("|") or not line else textwrap.wrap(line, 118, break_on_hyphens=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/onnx.md")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every exception")
    options = parser.parse_args()
    made = table(run_all(options.only, options.verbose))
    if not options.write:
        print(made)
        return
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{made}\n\n{END}{after}")


if __name__ == "__main__":
    main()
