#!/usr/bin/env python3
"""Writes what C++ and Python know of the model file's tables from csrc/format/model.fbs, their only source.

    scripts/generate_fields.py            # rewrites csrc/format/fields.inc and python/secateur/ir/fields.py
    scripts/generate_fields.py --check    # exits 1 where they are not what the schema gives

flatc makes the accessors; this makes the lists from which the plain structs of format/model.h, the reader,
the writer, the encoder of the Python extension and the options of the Python graph expand.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "csrc" / "format" / "model.fbs"
CPP = ROOT / "csrc" / "format" / "fields.inc"
PYTHON = ROOT / "python" / "secateur" / "ir" / "fields.py"

# name: type = default (holds: "dtypes");
FIELD = re.compile(r'(\w+)\s*:\s*(\[?\w+\]?)(?:\s*=\s*([-\w.]+))?(?:\s*\(holds:\s*"([^"]*)"\))?\s*;')
# Tables that are more than their fields (an operator's union, the model's lists): written by hand.
BY_HAND = {"Buffer", "Op", "Metadata", "Model"}
NO_BUFFER = "4294967295"
CPP_TYPES = {
    "string": "std::string_view",
    "[uint]": "std::vector<uint32_t>",
    "uint": "uint32_t",
    "int": "int32_t",
    "ulong": "uint64_t",
    "ubyte": "uint8_t",
    "float": "float",
    "bool": "bool",
}
# By what a buffer may hold first.
PYTHON_ARRAYS = {"f4": "Array", "i1": "Codes", "u1": "Indices", "u2": "Indices", "u4": "Indices"}
PYTHON_TYPES = {
    "[uint]": "tuple[int, ...]",
    "uint": "int",
    "int": "int",
    "ulong": "int",
    "ubyte": "int",
    "float": "float",
    "bool": "bool",
}


@dataclass
class Field:
    name: str
    type: str
    default: str  # as the schema writes it; "" where it does not
    holds: str  # of a buffer's number: the dtypes it may hold, as NumPy's kind and size


@dataclass
class Schema:
    tables: dict[str, list[Field]] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)
    operators: list[str] = field(default_factory=list)


def parse(text: str) -> Schema:
    """The tables, enums and the union `Options` of a schema."""
    schema = Schema()
    text = re.sub(r"//[^\n]*", "", text)
    for kind, name, body in re.findall(r"\b(table|enum|union)\s+(\w+)[^{]*\{([^}]*)\}", text):
        if kind == "table":
            fields = re.findall(
                r'(\w+)\s*:\s*(\[?\w+\]?)(?:\s*=\s*([-\w.]+))?(?:\s*\(holds:\s*"([^"]*)"\))?\s*;', body
            )
            schema.tables[name] = [Field(*parts) for parts in fields]
        elif kind == "enum":
            schema.enums[name] = [part.split("=")[0].strip() for part in body.split(",") if part.strip()]
        else:
            schema.operators = [part.strip() for part in body.split(",") if part.strip()]
    return schema


def cpp(schema: Schema) -> str:
    """The X-macros of fields.inc."""

    def row(f: Field) -> str:
        if f.holds or f.default == NO_BUFFER:
            return f'F(BufferRef, {f.name}, {{}}, "{f.holds}")'
        if f.type in schema.enums:
            return f'F({f.type}, {f.name}, {f.type}::{f.default or schema.enums[f.type][0]}, "")'
        default = f.default or ("0" if f.type in ("uint", "int", "ulong", "ubyte", "float") else "{}")
        return f'F({CPP_TYPES.get(f.type, f.type)}, {f.name}, {default}, "")'

    def macro(head: str, rows: list[str]) -> str:
        return " \\\n  ".join([f"#define {head}", *rows]) + "\n"

    tables = [name for name in schema.tables if name not in BY_HAND]
    parts = [
        "// Made by scripts/generate_fields.py from model.fbs: change that, and run it.\n"
        "// F(type, name, default, dtypes that a buffer may hold) for each field of a table.\n"
        "// clang-format off\n",
        macro("SCT_ENUMS(E)", [f"E({name})" for name in schema.enums]),
        macro("SCT_TABLES(T)", [f"T({name})" for name in tables]),
        macro("SCT_OPERATORS(O)", [f"O({name})" for name in schema.operators]),
    ]
    parts += [macro(f"SCT_FIELDS_{name}(F)", [row(f) for f in schema.tables[name]]) for name in tables]
    return "\n".join(parts) + "// clang-format on\n"


def python(schema: Schema) -> str:
    """The dataclasses of ir/fields.py."""

    def line(f: Field) -> str | None:
        if f.holds or f.default == NO_BUFFER:
            return f"    {f.name}: {PYTHON_ARRAYS[f.holds.split()[0]]} | None = None"
        if f.type in schema.enums:
            return f'    {f.name}: str = "{f.default or schema.enums[f.type][0]}"'
        if f.type not in PYTHON_TYPES:
            return None  # a table of its own
        default = {"[uint]": "()", "bool": "False", "float": "0.0"}.get(f.type, "0")
        if f.default:
            default = f.default.capitalize() if f.type == "bool" else f.default
            default = str(float(default)) if f.type == "float" else default
        return f"    {f.name}: {PYTHON_TYPES[f.type]} = {default}"

    parts = [
        '"""The fields of each operator in the model file, with the defaults of csrc/format/model.fbs.\n\n'
        'Made by scripts/generate_fields.py from it: change that, and run it.\n"""\n\n'
        "from __future__ import annotations\n\n"
        "from dataclasses import dataclass\n\n"
        "from secateur.ir.types import Array, Codes, Indices\n\n"
    ]
    for name, names in schema.enums.items():
        listed = ", ".join(f'"{n}"' for n in names)
        row = f"{_constant(name)} = ({listed})"
        if len(row) > 110:
            row = f"{_constant(name)} = (\n" + "".join(f'    "{n}",\n' for n in names) + ")"
        parts.append(row + "\n")
    for name in schema.operators:
        arrays = {f"{f.name}_bits" for f in schema.tables[name] if f.holds}  # an array says its width
        lines = [text for f in schema.tables[name] if f.name not in arrays and (text := line(f))]
        body = "\n".join(lines) if lines else '    """No fields."""'
        parts.append(f"\n\n@dataclass\nclass {name}Fields:\n{body}\n")
    return "".join(parts)


def _constant(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper() + "S"


def main() -> int:
    schema = parse(SCHEMA.read_text())
    stale = []
    for path, text in ((CPP, cpp(schema)), (PYTHON, python(schema))):
        if not path.exists() or path.read_text() != text:
            stale.append(path)
            if "--check" not in sys.argv[1:]:
                path.write_text(text)
    for path in stale:
        print(f"{'stale' if '--check' in sys.argv[1:] else 'written'}: {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
