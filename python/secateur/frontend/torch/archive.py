"""Reads a .pt2 file without running what its author put into it.

`torch.export.load` unpickles what the archive holds, evaluates its symbolic sizes and guards as Python, and
compiles its names into Python source; a file from elsewhere is therefore a program. Here every part that
could become code is looked at first. The parts that passed are written to a new archive in memory, pickles
restored by torch's weights-only reader and written anew, and only that archive is loaded.

What is refused for this is told apart from what is damaged: the first can be taken with ``trust=True``.
"""

from __future__ import annotations

import ast
import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from secateur.errors import ModelFileError, ModelNotFoundError
from secateur.frontend.torch.qdq import register_operators

# What may stand in an archive, below its one top folder; the form until torch 2.7 has no folder. Anything
# else (compiled libraries, extra files) is not needed and not handed on.
_PLAIN = re.compile(
    r"archive_format|archive_version|version|byteorder|\.data/(version|serialization_id)|"
    r"data/(weights|constants)/[\w.]+"
)
_GRAPH = re.compile(r"models/model\.json|serialized_exported_program\.json")
_CONFIG = re.compile(r"data/(weights|constants)/[\w.]+_config\.json")
_PICKLED = re.compile(
    r"data/(sample_inputs|weights|constants)/[\w.]+\.pt|"
    r"serialized_(state_dict|constants|example_inputs)\.(pt|json)"
)

_TARGET = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!from_file\b)\w+(\.\w+)?|"
    r"torch\.ops\.quantized_decomposed\.(de)?quantize_per_(tensor|channel)(\.\w+)?|"
    r"torch\.sym_\w+|math\.(trunc|ceil|floor|sqrt)|"
    r"_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|pos|eq|ne|lt|le|gt|ge|and_|or_|not_)|"
    r"torch\.ops\.higher_order\.(wrap_with_set_grad_enabled|wrap_with_autocast|cond)"
)
# Words of symbolic sizes, which sympy evaluates: symbols, their assumptions, and arithmetic.
_SIZE_WORD = re.compile(
    r"z?u?[suf]\d+|Symbol|Integer|Rational|Float|Add|Mul|Pow|Max|Min|Mod|FloorDiv|PythonMod|CeilDiv|CleanDiv|"
    r"ModularIndexing|positive|nonnegative|integer|real|precision|True|False|true|false|oo|int_oo"
)
_SIZE_SIGNS = re.compile(r"[\w\s+\-*/(),.<>=]*")
_TREES = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}
_GUARD_NODES = (
    ast.Expression,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.BinOp,
    ast.operator,
    ast.Compare,
    ast.cmpop,
    ast.Constant,
    ast.Subscript,
    ast.Name,
    ast.Load,
    ast.Attribute,
    ast.Call,
)
_GUARD_CALLS = {"size", "stride", "storage_offset", "dim"}


class _Code(Exception):  # noqa: N818 - a finding, turned into an error with the file's name
    """A part of the archive that could run code; the text says which."""


def load_program(path: Path, *, trust: bool = False) -> ExportedProgram:
    """The program that `torch.export.save` wrote.

    trust: load it as torch does, which runs code that the file brings along.

    Raises ModelNotFoundError, and ModelFileError where the file is no such program, or holds what could run
    code and is not trusted.
    """
    if not path.exists():
        raise ModelNotFoundError(f"no exported program at {path}")
    register_operators()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(str(path) if trust else _checked(path))
    except _Code as found:
        raise ModelFileError(
            f"a .pt2 file is a program, and {path} could run code of its author's ({found}); "
            "if you trust where it comes from, pass trust=True (--trust)"
        ) from None
    except Exception as error:
        raise ModelFileError(f"{path} is not a program saved by torch.export.save: {error}") from error


def _checked(path: Path) -> io.BytesIO:
    """A new archive with those parts of the one at `path` that a program needs and that run nothing."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as clean:
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise _Code("two of its records have one name")
        modern = not any(_GRAPH.fullmatch(name) for name in names)
        records = {name.partition("/")[2] if modern else name: name for name in names}
        pickled = {
            f"{name.rpartition('/')[0]}/{entry}"
            for name in records
            if _CONFIG.fullmatch(name)
            for entry in _pickled_payloads(archive.read(records[name]))
        }
        for name, stored in records.items():
            if _GRAPH.fullmatch(name):
                content = archive.read(stored)
                _check_graph(json.loads(content))
            elif name in pickled or _PICKLED.fullmatch(name):
                content = _pickled_anew(archive.read(stored), name)
            elif _PLAIN.fullmatch(name) or _CONFIG.fullmatch(name):
                content = archive.read(stored)
            else:
                continue
            clean.writestr(f"archive/{name}" if modern else name, content)
    made.seek(0)
    return made


def _pickled_payloads(config: bytes) -> Iterator[str]:
    """Names of the tensors that are stored as pickles. Other objects have no form without code."""
    for entry in json.loads(config)["config"].values():
        name = str(entry["path_name"])
        if not name.startswith(("weight_", "tensor_")):
            raise _Code(f"its record {name!r} is an object and no tensor")
        if entry.get("use_pickle"):
            yield name


def _pickled_anew(content: bytes, name: str) -> bytes:
    """The same tensors in a pickle of our own. Raises _Code for what the weights-only reader refuses."""
    if not content:
        return content
    try:
        held = torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise _Code(f"its record {name} holds more than tensors: {_reason(error)}") from None
    again = io.BytesIO()
    torch.save(held, again)
    return again.getvalue()


def _reason(error: Exception) -> str:
    """The global that a pickle asked for, where torch's long message names one."""
    named = re.search(r"GLOBAL ([\w.]+)|Unsupported (?:global|class):? ([\w.]+)", str(error))
    return f"it asks for {named[1] or named[2]}" if named else type(error).__name__


# --- the graph -----------------------------------------------------------------------------------------


def _check_graph(item: Any, key: str = "") -> None:
    """Walks the document; raises _Code for what loading it would evaluate, import or compile."""
    if isinstance(item, dict):
        for name, value in item.items():
            if name in ("metadata", "as_string"):  # shown to people or handed on as text
                continue
            _check_text(str(name), "")
            _check_graph(value, name)
    elif isinstance(item, list):
        for value in item:
            _check_graph(value, key)
    elif isinstance(item, str):
        _check_text(item, key)


def _check_text(text: str, key: str) -> None:
    if key == "target" and not _TARGET.fullmatch(text):
        if re.search(r"[^\w.]", text) or text.startswith(("torch.", "_operator", "math", "#")):
            raise _Code(f"it calls {text[:80]!r}, which is no operator of PyTorch's")
    elif key == "expr_str":
        bare = re.sub(r"'(\w+)'", r"\1", text)
        words = re.findall(r"[^\W\d]\w*", bare)
        if not all(map(_SIZE_WORD.fullmatch, words)) or not _SIZE_SIGNS.fullmatch(bare):
            raise _Code(f"a size of it is the expression {text[:80]!r}")
    elif key == "guards_code":
        _check_guard(text)
    elif key in ("in_spec", "out_spec"):
        if text:
            _check_tree(text)
    elif key in ("name", "as_name") and re.search(r"\W", text):
        raise _Code(f"its name {text[:80]!r} is not an identifier")
    elif re.search(r"[\"'\\\x00-\x1f]", text):
        raise _Code(f"its name {text[:80]!r} would end a string of Python")


def _check_guard(text: str) -> None:
    """A comparison of sizes and nothing else."""
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except SyntaxError:
        raise _Code(f"it is guarded by {text[:80]!r}") from None
    for node in nodes:
        call = isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Attribute) and node.func.attr in _GUARD_CALLS
        )
        hidden = isinstance(node, ast.Attribute) and node.attr.startswith("_")
        if call or hidden or not isinstance(node, _GUARD_NODES):
            raise _Code(f"it is guarded by {text[:80]!r}")


def _check_tree(text: str) -> None:
    """The containers of inputs and outputs: Python's own; others are imported by name."""
    waiting: list[Any] = [json.loads(text)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            if item.get("type") not in _TREES or "__enum__" in str(item.get("context")):
                raise _Code(f"its inputs or outputs are a {str(item.get('type'))[:80]!r}")
            waiting.extend(item.get("children_spec", ()))
