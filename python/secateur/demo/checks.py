"""What the demo promises, and whether this run kept it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secateur.demo.measure import Row

TRAINED_ACCURACY = 0.98
FILE_SHARE = 0.3


@dataclass(frozen=True)
class Check:
    """`fatal`: a compiled model that computes something else; nothing it says about speed counts."""

    text: str
    passed: bool
    detail: str
    fatal: bool = False


def check(rows: Sequence[Row]) -> list[Check]:
    """All promises over the demo's rows, the dense network first."""
    dense = rows[0]
    checks = [
        Check(
            f"the dense network reaches {TRAINED_ACCURACY:.0%} on the held-out test set",
            dense.accuracy >= TRAINED_ACCURACY,
            f"{dense.accuracy:.2%}",
        )
    ]
    for row in rows:
        checks.append(
            Check(
                f"{row.label}: the compiled model is the PyTorch model",
                row.agrees,
                f"accuracy {row.accuracy:.2%} and {row.torch_accuracy:.2%}, largest logit difference "
                f"{row.max_abs_err:.1e} of {row.tolerance:.1e} allowed",
                fatal=True,
            )
        )
    for row in rows:
        if not row.must_pay:
            continue
        if row.latency and row.dense_latency:
            speedup = row.dense_latency.median / row.latency.median
            checks.append(Check(f"{row.label}: faster than its dense self", speedup > 1, f"{speedup:.2f}×"))
        share = row.file_bytes / dense.file_bytes
        checks.append(
            Check(
                f"{row.label}: file at most {FILE_SHARE} of the dense one",
                share <= FILE_SHARE,
                f"{share:.2f}",
            )
        )
    return checks
