"""The operator table: one file here per operator, each with its row `OPERATOR`. A new file is a new row."""

from __future__ import annotations

import importlib
import pkgutil

from secateur.ir.graph import Op
from secateur.ir.operator import Operator


def _rows() -> dict[str, Operator]:
    rows: dict[str, Operator] = {}
    for file in pkgutil.iter_modules(__path__):
        row = importlib.import_module(f"{__name__}.{file.name}").OPERATOR
        assert isinstance(row, Operator), file.name
        assert row.kind not in rows, row.kind
        rows[row.kind] = row
    return rows


OPERATORS = _rows()


def macs(op: Op) -> int:
    """Multiply-adds of a dense run of the operator (0 where it has no weights)."""
    return OPERATORS[op.kind].macs(op)


__all__ = ["OPERATORS", "macs"]
