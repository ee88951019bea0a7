"""The machine that a measurement comes from, as far as it tells."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import secateur

# What decides speed, of the hundred flags that /proc/cpuinfo lists.
_FLAGS = {
    "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16",
    "avx_vnni", "amx_tile", "amx_int8",
    "asimd", "neon", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "atomics",
}  # fmt: skip

_DISTRIBUTIONS = (
    "numpy", "torch", "onnxruntime", "openvino", "onnx", "ai-edge-litert",
    "litert-torch", "tflite-runtime",
)  # fmt: skip


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip().lower(), value.strip())
    return found


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip() or None
    except OSError:
        return None


def _cpu_model(info: dict[str, str]) -> str:
    board = _read("/proc/device-tree/model")
    name = info.get("model name") or info.get("hardware") or platform.processor() or platform.machine()
    return f"{board.rstrip(chr(0))} ({name})" if board else name


def _caches() -> dict[str, str]:
    caches: dict[str, str] = {}
    for index in range(8):
        base = f"/sys/devices/system/cpu/cpu0/cache/index{index}/"
        level, kind, size = (_read(base + name) for name in ("level", "type", "size"))
        if level and kind and size and kind != "Instruction":
            caches[f"L{level}" + ("d" if kind == "Data" else "")] = size
    return caches


def machine() -> dict[str, Any]:
    """CPU model, cores, vector ISAs, caches, governor, memory, operating system. Unknown is None.

    >>> sorted(machine())[:3]
    ['architecture', 'caches', 'cores']
    """
    info = _cpuinfo()
    flags = set((info.get("flags") or info.get("features") or "").split())
    memory = None
    for line in (_read("/proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            memory = int(line.split()[1]) * 1024
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        usable = os.cpu_count() or 1
    return {
        "cpu": _cpu_model(info),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        "flags": sorted(flags & _FLAGS),
        "caches": _caches(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_bytes": memory,
        "os": platform.platform(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str]:
    """Installed versions of what takes part, Python included; what is not installed is left out."""
    found = {"python": sys.version.split()[0], "secateur": secateur.__version__}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
