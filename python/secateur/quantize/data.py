"""Calibration inputs: arrays, tensors, or a loader of them, brought to the network's inputs and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import DTypeError, InvalidArgumentError, ShapeError
from secateur.ir import Port

Batch = tuple[NDArray[np.float32], ...]


def batches(calibration: Any, ports: Sequence[Port], most: int) -> list[Batch]:
    """At most that many batches, each an array per input of exactly the input's shape.

    calibration: an array or tensor for a network of one input; a dictionary of them by the name of the input;
    or an iterable of batches, each an array, a tuple or list (what stands after the inputs, such as labels,
    is left out) or a dictionary. Arrays have the shape of the inputs, but any number of items in the first
    dimension: they are cut, and items that fill no batch are left over.

    Raises InvalidArgumentError, ShapeError, DTypeError: empty, NaN or infinite, constant, of another shape.
    """
    if most < 1:
        raise InvalidArgumentError(f"samples is {most}; at least one batch is needed")
    found: list[Batch] = []
    seen = 0
    for number, item in enumerate(_items(calibration)):
        arrays = _arrays(item, ports, number)
        seen += len(arrays[0])
        found += _cut(arrays, ports, number)
        if len(found) >= most:
            break
    if not found:
        wanted = ", ".join(f"{p.name} {p.shape}" for p in ports)
        raise InvalidArgumentError(
            f"the calibration set is empty: {seen} items make no batch of the network's inputs ({wanted})"
        )
    found = found[:most]
    _check_values(found, ports)
    return found


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) or (hasattr(x, "detach") and hasattr(x, "numpy"))


def _items(calibration: Any) -> Iterable[Any]:
    if calibration is None:
        raise InvalidArgumentError("there is no calibration set: pass arrays, or a loader of batches")
    if _is_array(calibration) or isinstance(calibration, Mapping):
        return [calibration]
    if isinstance(calibration, (str, bytes)) or not isinstance(calibration, Iterable):
        raise InvalidArgumentError(
            f"a calibration set is an array, a dictionary of arrays, or an iterable of batches, not "
            f"{type(calibration).__name__}"
        )
    return calibration


def _arrays(item: Any, ports: Sequence[Port], number: int) -> list[NDArray[np.float32]]:
    """The arrays of one item, in the order of the inputs."""
    if isinstance(item, Mapping):
        missing = [p.name for p in ports if p.name not in item]
        if missing:
            raise InvalidArgumentError(
                f"calibration batch {number} has no {missing[0]!r}; its names are {', '.join(map(str, item))}"
            )
        given = [item[p.name] for p in ports]
    elif _is_array(item):
        given = [item]
    elif isinstance(item, (tuple, list)):
        given = list(item[: len(ports)])
    else:
        raise InvalidArgumentError(
            f"calibration batch {number} is a {type(item).__name__}, not arrays: one, a tuple or a dictionary"
        )
    if len(given) != len(ports):
        raise InvalidArgumentError(
            f"calibration batch {number} has {len(given)} arrays; the network has {len(ports)} inputs"
        )
    return [_array(x, p, number) for x, p in zip(given, ports, strict=True)]


def _array(x: Any, port: Port, number: int) -> NDArray[np.float32]:
    if not _is_array(x):
        raise InvalidArgumentError(
            f"calibration batch {number} holds a {type(x).__name__} for input {port.name!r}, not an array"
        )
    array = np.asarray(x.detach().cpu().numpy() if hasattr(x, "detach") else x)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if array.dtype != np.float32:
        raise DTypeError(
            f"calibration batch {number} is {array.dtype} for input {port.name!r}; the network gets float32"
        )
    if array.shape == port.shape[1:]:
        array = array[None]
    if array.shape[1:] != port.shape[1:]:
        raise ShapeError(
            f"calibration batch {number} has shape {array.shape}; input {port.name!r} takes {port.shape}"
        )
    return array


def _cut(arrays: list[NDArray[np.float32]], ports: Sequence[Port], number: int) -> list[Batch]:
    """Batches of the network's own size."""
    counts = {len(x) // p.shape[0] for x, p in zip(arrays, ports, strict=True)}
    if len(counts) > 1:
        sizes = ", ".join(f"{p.name} {len(x)}" for x, p in zip(arrays, ports, strict=True))
        raise ShapeError(f"the inputs of calibration batch {number} have different numbers of items: {sizes}")
    return [
        tuple(
            np.ascontiguousarray(x[i * p.shape[0] : (i + 1) * p.shape[0]])
            for x, p in zip(arrays, ports, strict=True)
        )
        for i in range(counts.pop())
    ]


def _check_values(found: list[Batch], ports: Sequence[Port]) -> None:
    for i, port in enumerate(ports):
        for number, batch in enumerate(found):
            bad = int(batch[i].size - np.isfinite(batch[i]).sum())
            if bad:
                raise InvalidArgumentError(
                    f"calibration batch {number} holds {bad} values that are NaN or infinite ({port.name!r})"
                )
        first = found[0][i].flat[0]
        if all(bool((batch[i] == first).all()) for batch in found):
            raise InvalidArgumentError(
                f"every calibration value of input {port.name!r} is {first:g}: a constant has no range"
            )
