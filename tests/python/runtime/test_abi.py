"""The C interface is the one of abi.txt: a program that is built keeps running. abi.py writes it anew."""

from __future__ import annotations

import shutil
import struct

import pytest
from abi import STORED, broken, dump

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
    pytest.mark.skipif(struct.calcsize("P") != 8, reason="abi.txt is of machines with 64-bit pointers"),
]


def test_the_interface_is_the_stored_one() -> None:
    stored = STORED.read_text().splitlines()
    found = dump()
    assert broken(stored, found) == []
    assert found == stored, "what was added goes into abi.txt: python tests/python/runtime/abi.py --write"


def test_what_breaks_programs_is_seen() -> None:
    old = dump()
    assert len(old) > 100
    function = next(line for line in old if line.startswith("function sct_session_run of 5"))
    taken = next(line for line in old if line.startswith("function sct_session_run takes 1: "))
    for changed in (
        [line for line in old if line != function],
        [line.replace("float*", "double*") if line == taken else line for line in old],
        [line.replace("of 5", "of 6") if line == function else line for line in old],
        [line.replace("SCT_OUT_OF_MEMORY 40", "SCT_OUT_OF_MEMORY 41") for line in old],
        [line.replace("field sct_port_info.rank at 16", "field sct_port_info.rank at 24") for line in old],
        ["struct sct_tensor 96" if line.startswith("struct sct_tensor ") else line for line in old],
        ["struct sct_memory 8" if line.startswith("struct sct_memory ") else line for line in old],
    ):
        assert changed != old
        assert len(broken(old, changed)) == 1
    assert broken(old, [*old, "enum sct_dtype SCT_NEW 99"]) == []
    grown = ["struct sct_memory 96" if line.startswith("struct sct_memory ") else line for line in old]
    assert broken(old, grown) == []
