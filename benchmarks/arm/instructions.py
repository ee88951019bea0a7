"""What AArch64 opcodes are: disassembled by llvm-mc, then sorted into kinds.

The text that LLVM prints is parsed rather than the bits of the opcode: it is one grammar for every
extension, and a reader can check it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """A kind of instruction; the value is its name in reports."""

    VECTOR_FMA = "vector FMA"
    SCALAR_FMA = "scalar FMA"
    DOT_PRODUCT = "dot product"
    MATRIX_MULTIPLY = "matrix multiply"
    VECTOR_INT_MULTIPLY = "vector integer multiply"
    VECTOR_FLOAT = "vector float, other"
    VECTOR_OTHER = "vector integer, move, permute"
    SCALAR_FLOAT = "scalar float"
    VECTOR_LOAD = "vector or float load"
    SCALAR_LOAD = "scalar load"
    VECTOR_STORE = "vector or float store"
    SCALAR_STORE = "scalar store"
    PREFETCH = "prefetch"
    BRANCH = "branch"
    INTEGER = "integer"
    UNKNOWN = "unknown"


# Multiply-adds of one instruction per output element of 32 bits.
_DOT = {"sdot", "udot", "usdot", "sudot"}
_MATRIX = {"smmla": 32, "ummla": 32, "usmmla": 32, "bfmmla": 16}
_INT_MULTIPLY = {
    *("mla", "smlal", "smlal2", "umlal", "umlal2", "smull", "smull2", "umull", "umull2"),
    *("sqdmlal", "sqdmulh", "sqrdmulh"),
}
_BRANCHES = {"b", "bl", "br", "blr", "ret", "cbz", "cbnz", "tbz", "tbnz"}
_FLOAT_CONVERSIONS = {"scvtf", "ucvtf"}

_ARRANGEMENT = re.compile(r"\bv\d+\.(\d+)([bhsd])\b")
_STARTS_WIDE = re.compile(r"q\d")
_STARTS_VECTOR = re.compile(r"[qdshb]\d")
_LOADS_AND_STORES = re.compile(r"(ldp|ldr|ldur|ldnp|stp|str|stur|stnp)$")
_STRUCTURES = re.compile(r"(ld|st)[1-4]r?$")


@dataclass(frozen=True)
class Instruction:
    """One disassembled instruction.

    Attributes:
        text: as LLVM prints it, in single spaces.
        kind: its kind.
        multiply_adds: lanes that multiply and add (integer multiplies count too).
        wide: works on a 128-bit register.
    """

    text: str
    kind: Kind
    multiply_adds: int
    wide: bool

    @property
    def mnemonic(self) -> str:
        return self.text.split(" ", 1)[0]

    @property
    def operands(self) -> str:
        return self.text.partition(" ")[2]

    @property
    def pair(self) -> bool:
        """Loads or stores two registers (ldp, stp, ...)."""
        return self.mnemonic in {"ldp", "ldnp", "stp", "stnp"}

    @property
    def structure_registers(self) -> int:
        """Registers of an ld1..ld4 or st1..st4; 1 for all else."""
        if not _STRUCTURES.match(self.mnemonic):
            return 1
        return max(1, len(re.findall(r"\bv\d+", self.operands.split("}")[0])))


UNKNOWN = Instruction("(unknown)", Kind.UNKNOWN, 0, False)


def parse(text: str) -> Instruction:
    """Sorts one instruction, as LLVM writes it.

    >>> fma = parse("fmla v0.4s, v1.4s, v2.s[0]")
    >>> fma.kind.value, fma.multiply_adds, fma.wide
    ('vector FMA', 4, True)
    >>> parse("ldr x0, [x1]").kind.value
    'scalar load'
    """
    text = " ".join(text.split())
    mnemonic, _, operands = text.partition(" ")
    arrangement = _ARRANGEMENT.search(operands)
    lanes = int(arrangement[1]) if arrangement else 0
    wide = bool(_STARTS_WIDE.match(operands)) or any(
        int(n) * {"b": 1, "h": 2, "s": 4, "d": 8}[size] == 16 for n, size in _ARRANGEMENT.findall(operands)
    )
    kind, multiply_adds = _classify(mnemonic, operands, lanes)
    return Instruction(text, kind, multiply_adds, wide)


def _classify(mnemonic: str, operands: str, lanes: int) -> tuple[Kind, int]:
    vector = lanes > 0
    if mnemonic in _DOT:
        return Kind.DOT_PRODUCT, 4 * lanes
    if mnemonic in _MATRIX:
        return Kind.MATRIX_MULTIPLY, _MATRIX[mnemonic]
    if mnemonic in {"fmla", "fmls"} and vector:
        return Kind.VECTOR_FMA, lanes
    if mnemonic in {"fmlal", "fmlal2", "fmlsl", "fmlsl2"}:
        return Kind.VECTOR_FMA, lanes
    if mnemonic in {"fmadd", "fmsub", "fnmadd", "fnmsub", "fmla", "fmls"}:
        return Kind.SCALAR_FMA, 1
    if mnemonic in _INT_MULTIPLY and vector:
        return Kind.VECTOR_INT_MULTIPLY, lanes
    memory = _memory_kind(mnemonic, operands)
    if memory is not None:
        return memory, 0
    if mnemonic in _BRANCHES or mnemonic.startswith(("b.", "ret", "bra", "blra")):
        return Kind.BRANCH, 0
    is_float = mnemonic.startswith("f") or mnemonic in _FLOAT_CONVERSIONS
    if vector:
        return (Kind.VECTOR_FLOAT if is_float else Kind.VECTOR_OTHER), 0
    if re.search(r"\b[qdshb]\d|\bv\d", operands):
        return Kind.SCALAR_FLOAT, 0
    return Kind.INTEGER, 0


def _memory_kind(mnemonic: str, operands: str) -> Kind | None:
    if mnemonic.startswith(("prfm", "prfum")):
        return Kind.PREFETCH
    if _STRUCTURES.match(mnemonic):
        return Kind.VECTOR_LOAD if mnemonic.startswith("ld") else Kind.VECTOR_STORE
    load = mnemonic.startswith(("ld", "swp", "cas"))
    store = mnemonic.startswith("st")
    if _LOADS_AND_STORES.match(mnemonic) and _STARTS_VECTOR.match(operands):
        return Kind.VECTOR_LOAD if load else Kind.VECTOR_STORE
    if load:
        return Kind.SCALAR_LOAD
    return Kind.SCALAR_STORE if store else None


# LLVM 14 and older do not know "all", and would take dot products for data.
_EXTENSIONS = "+all,+v8.6a,+fullfp16,+fp16fml,+sve2"


def find_llvm_mc() -> str | None:
    """The newest llvm-mc on the path, or None."""
    names = ["llvm-mc", *(f"llvm-mc-{version}" for version in range(25, 13, -1))]
    return next((path for name in names if (path := shutil.which(name))), None)


def disassemble(opcodes: Iterable[str]) -> dict[str, Instruction]:
    """Instructions by opcode (eight hexadecimal digits); one that LLVM does not know becomes UNKNOWN.

    Raises:
        RuntimeError: there is no llvm-mc.
    """
    llvm_mc = find_llvm_mc()
    if llvm_mc is None:
        raise RuntimeError("llvm-mc is missing (apt-get install llvm-19)")
    opcodes = sorted(set(opcodes))
    lines = "\n".join(" ".join("0x" + opcode[i : i + 2] for i in (6, 4, 2, 0)) for opcode in opcodes)
    done = subprocess.run(
        [llvm_mc, "--disassemble", "-triple=aarch64", f"-mattr={_EXTENSIONS}", "--show-encoding"],
        input=lines,
        capture_output=True,
        text=True,
        check=False,  # an opcode it does not know is a warning, and its line is left out
    )
    found = dict.fromkeys(opcodes, UNKNOWN)
    for line in done.stdout.splitlines():
        match = re.match(r"(.*?)\s*// encoding: \[([^\]]*)\]", line)
        if match:
            opcode = "".join(reversed([byte.strip().removeprefix("0x") for byte in match[2].split(",")]))
            found[opcode] = parse(match[1])
    return found
