"""Tensors by name in a safetensors file, and a table of strings: read and written here, nothing is executed.

The format: the length of a JSON header as a little-endian u64, the header, and the tensors' bytes one after
another without gaps; https://huggingface.co/docs/safetensors describes it.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from secateur.errors import PruningError
from secateur.files import save_atomically

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
LARGEST_HEADER = 100_000_000  # bytes, as the format's own reader has it


def write(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write the file whole or not at all. Raises PruningError for a dtype without a name, and SaveError."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts, at = [], 0
    for key, tensor in tensors.items():
        if tensor.dtype not in names:
            raise PruningError(f"{key!r} is of {tensor.dtype}, which the file has no name for")
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        shape = list(tensor.shape)
        header[key] = {"dtype": names[tensor.dtype], "shape": shape, "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors are aligned
    save_atomically(path, b"".join([struct.pack("<Q", len(text)), text, *parts]))


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """(tensors, metadata). Raises PruningError, naming the file, where it is no such file or is damaged."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PruningError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        return _parsed(data)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PruningError(f"{path} is not a whole safetensors file: {error}") from None


def _parsed(data: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    if len(data) < 8:
        raise ValueError(f"it has {len(data)} bytes")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(LARGEST_HEADER, len(data) - 8):
        raise ValueError(f"its header would have {length} bytes")
    header = json.loads(data[8 : 8 + length].decode())
    metadata = header.pop("__metadata__", {})
    if not all(isinstance(key, str) and isinstance(value, str) for key, value in metadata.items()):
        raise ValueError("its metadata are not strings")
    buffer = bytearray(data[8 + length :])
    tensors, spans = {}, []
    for key, entry in header.items():
        dtype, shape, (begin, end) = DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        if not all(type(n) is int and n >= 0 for n in (*shape, begin, end)):
            raise ValueError(f"the place of {key!r} is no row of whole numbers")
        count = math.prod(shape)
        if end - begin != count * dtype.itemsize or end > len(buffer):
            raise ValueError(f"{key!r} should take {count * dtype.itemsize} bytes")
        spans.append((begin, end))
        part = torch.frombuffer(buffer, dtype=torch.uint8, count=end - begin, offset=begin) if count else None
        flat = torch.empty(0, dtype=dtype) if part is None else part.clone().view(dtype)
        tensors[key] = flat.reshape(shape)
    ends = [0, *(end for _, end in sorted(spans))]
    if any(begin != end for (begin, _), end in zip(sorted(spans), ends, strict=False)) or ends[-1] != len(
        buffer
    ):
        raise ValueError("its tensors leave gaps, overlap, or end early")
    return tensors, metadata
