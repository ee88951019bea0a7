"""The compiled runtime. Users meet it as secateur.Session; the compiler as secateur.emit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

__version__: str
FORMAT_VERSION: tuple[int, int]
NO_LIMITS: tuple[int, int, int, int]

def available_isas() -> list[str]: ...
def selected_isa() -> str: ...
def available_cpus() -> int: ...
def threads_on(threads: int, cpus: str) -> int:
    """How many threads someone gets who asks for so many on these CPUs ("0,2-3"; "": on any)."""

def cpu_identity() -> str: ...
def profile_path(isa: str = "") -> str:
    """Where this user's profile of this machine lies; "" where no cache folder is known."""

def plane_strides(
    batch: int, channels: int, height: int, width: int, element_bytes: int = 4
) -> tuple[int, int]:
    """(plane_stride, batch_stride) in elements of 4 or 2 bytes, as base/planes.h lays planes out."""

def encode_model(spec: dict[str, Any]) -> bytes:
    """A whole model file (header, checksum and payload) from plain dicts, lists and arrays.

    spec = {
      "producer": str, "name": str, "arena_bytes": int,
      "tensors": [{"name", "batch", "channels", "height", "width",
                   "plane_stride", "batch_stride", "arena_offset",
                   "dtype", "layout", "residence", "scale", "zero_point", "shape", "buffer"}],
      "states": [{"name": str, "tensor": int, "next": int}], "state_bytes": int,
      "ops": [{"kind": "Conv", "name": str, "source": str, "reason": str,
               "inputs": [int], "outputs": [int], "activation": (kind: str, a: float, b: float),
               "options": {field of the kind's table in model.fbs: value}}],
      "inputs"/"outputs": [{"name", "tensor": int, "shape": [int],
                            "order": "channels_first" | "channels_last"}],
      "metadata": [{"key": str, "texts": [str], "numbers": [float], "list": bool}],
    }
    A field that names a buffer in model.fbs takes the array itself (float32, C order), None for none.
    A Weight is
    {"format": "dense" | "csr" | "bsr" | "nm", "rows", "cols", "block_rows", "block_cols", "n", "m", "nnz",
     "values": float32 array, "index": uint8/16/32 array or None, "counts": uint16/32 array or None}.
    Enum values are their names in lower case. Raises ValueError for an unknown kind, field or dtype.
    """

class Model:
    """An opened, verified and packed model; shared by its sessions."""

    # limits: memory, work, tensors, operators; 0 is the default, 2**64 - 1 none (runtime/limits.py)
    def __init__(
        self,
        source: str | bytes,
        *,
        isa: str | None = None,
        threads: int = 1,
        limits: tuple[int, int, int, int] = (0, 0, 0, 0),
        profile: str = "",  # a path, "none", or as the environment says
    ) -> None: ...
    @property
    def machine(self) -> str: ...  # the family of cores, "x86-avx512"
    @property
    def profile(self) -> str: ...  # the machine profile that is used, or ""
    @property
    def warning(self) -> str: ...  # why one that is there is not, or ""
    @property
    def name(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def inputs(self) -> list[dict[str, Any]]: ...
    # name, shape (tuple), dtype (NumPy's name); of int8 and uint8 scale and zero_point
    @property
    def outputs(self) -> list[dict[str, Any]]: ...
    @property
    def layers(self) -> list[dict[str, Any]]: ...
    # name, op, kernel, dtype, weight_bits, format, block (str), input_shape, output_shape, rows, cols, nnz,
    # sparsity, macs, stored_bytes, packed_bytes, reason, source, measured_ns, planned_ns
    @property
    def metadata(self) -> dict[str, str | float | list[str] | list[float]]: ...
    @property
    def arena_bytes(self) -> int: ...
    @property
    def packed_bytes(self) -> int: ...
    @property
    def file_bytes(self) -> int: ...

class Session:
    def __init__(self, model: Model, threads: int = 1, cpus: str = "") -> None: ...
    @property
    def threads(self) -> int: ...
    def run(
        self, inputs: Sequence[NDArray[Any]], out: Sequence[NDArray[Any]] | None = None
    ) -> list[NDArray[Any]]: ...
    def reset(self) -> None: ...
    def profile(self, runs: int = 10) -> list[dict[str, Any]]: ...
    # per op, in execution order: name, op, kernel, median_ns, min_ns, macs
    @property
    def memory(self) -> dict[str, int]: ...  # arena, scratch, packed, state: bytes

PROFILE_VERSION: int
PROFILE_COLUMNS: list[str]  # csrc/machine/profile_columns.inc

def plan_costs(
    plans: list[list[int]],
    isa: str = "",
    costs: dict[str, float] = {},  # in place of the shipped constants
    l1_bytes: int = 0,  # 0: this machine's
    l2_bytes: int = 0,
) -> list[float]:
    """What the cost model of that instruction set's machine says of plans, in its unit (slots)."""

def shipped_costs(isa: str = "") -> dict[str, float]: ...

class Tuner:
    """Measures layers on this machine (csrc/tune/tuner.h)."""

    def __init__(self, isa: str = "", threads: int = 1) -> None: ...
    def resume(self, profile: str) -> None: ...
    def add_model(self, data: bytes, formats: bool = True) -> None: ...
    def __len__(self) -> int: ...
    def layer_name(self, i: int) -> str: ...
    def measure_peaks(self) -> None: ...
    def measure(self, i: int, seconds: float) -> None: ...
    @property
    def trials(self) -> list[list[int]]: ...  # by PROFILE_COLUMNS; ns is of this very plan, planned_ns 0
    @property
    def plans(self) -> list[list[int]]: ...
    def profile(self, cpu_name: str = "") -> str: ...
