"""An operator's facts stand once: how many sources outside its own rooms name one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Its own: the C++ room, its kernels, its row in the graph's table, its lowering and its readers.
ROOMS = re.compile(
    r"csrc/(ops|kernels)/resize/|python/secateur/(ir/ops|lowering|frontend/(torch|onnx)/readers)/(resize|resample)\.py"
)
NAMED = re.compile(r"\bResize(Options|Fields)?\b|/resize\b|\bresize\.(cc|h)\b|\(resize\)|_resize\b")
# Lists, one line each, and what is made from the schema.
LISTS = {
    "csrc/format/model.fbs",
    "csrc/format/fields.inc",
    "csrc/format/writer.cc",  # the version that brought it
    "csrc/kernels/CMakeLists.txt",
    "csrc/ops/CMakeLists.txt",
    "csrc/ops/need.cc",
    "csrc/ops/need.h",
    "python/secateur/ir/fields.py",
    "python/secateur/ir/options.py",
}


def sources() -> list[Path]:
    found = [
        p
        for folder in ("csrc", "python")
        for p in (ROOT / folder).rglob("*")
        if p.suffix in {".h", ".cc", ".inc", ".py"}
    ]
    return [*found, *(ROOT / "csrc").rglob("CMakeLists.txt"), ROOT / "csrc" / "format" / "model.fbs"]


def test_resize_is_named_in_its_rooms_and_in_lists() -> None:
    named = {str(p.relative_to(ROOT)) for p in sources() if NAMED.search(p.read_text())}
    outside = {path for path in named if not ROOMS.match(path)}
    assert outside == LISTS
    assert len(outside) <= 10
