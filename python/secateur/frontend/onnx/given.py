"""What the caller gives for the inputs of an ONNX network: arrays, shapes, or numbers that are fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper

from secateur.errors import DTypeError, InvalidArgumentError, ShapeError
from secateur.frontend.onnx.model import DTYPES, Input
from secateur.ir import DType

Given = NDArray[Any] | Sequence[Any] | Mapping[str, Any] | None


def by_name(given: Any, names: Sequence[str]) -> dict[str, Any]:
    """The examples, shapes and numbers by the input that they are of.

    A tuple or list that holds integers alone is one shape; any other holds one thing for each input, in
    order. Raises InvalidArgumentError.

    >>> by_name([(1, 3), (1, 4)], ["a", "b"]), by_name((1, 3), ["a"])
    ({'a': (1, 3), 'b': (1, 4)}, {'a': (1, 3)})
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise InvalidArgumentError(
                f"the network has no input {unknown[0]!r}; its inputs: {', '.join(names)}"
            )
        return dict(given)
    if isinstance(given, (str, bytes)):
        raise InvalidArgumentError("example inputs are arrays, shapes, or a dictionary of them by name")
    if hasattr(given, "shape") or is_shape(given):
        given = [given]
    if len(given) != len(names):
        raise InvalidArgumentError(
            f"the network has {len(names)} inputs ({', '.join(names)}); {len(given)} are given"
        )
    return dict(zip(names, given, strict=True))


def is_shape(given: Any) -> bool:
    return isinstance(given, (tuple, list)) and all(isinstance(size, int) for size in given) and bool(given)


def fixed(value: ValueInfoProto, number: Any) -> NDArray[Any]:
    """A Python number for an input, which becomes part of the network."""
    dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if any(size != 1 for size in sizes):
        raise ShapeError(f"the input {value.name!r} is no single number; give an array or a shape for it")
    return np.full(sizes, number, dtype)


def described(value: ValueInfoProto) -> str:
    """A shape as the file has it.

    >>> described(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, None]))
    '[N, 3, ?]'
    """
    dims = value.type.tensor_type.shape.dim
    sizes = (str(d.dim_value) if d.dim_value > 0 else d.dim_param or "?" for d in dims)
    return f"[{', '.join(sizes)}]"


def settle(value: ValueInfoProto, given: Any, notes: list[str]) -> tuple[Input, NDArray[Any] | None]:
    """An input with a dtype and a fixed shape, and the example for it, where there is one.

    A batch that the file leaves open and nobody gives is 1, and a note says so. Raises DTypeError and
    ShapeError that name the input.
    """
    held = value.type.tensor_type
    name = f"the input {value.name!r}"
    if not value.type.HasField("tensor_type") or held.elem_type == TensorProto.UNDEFINED:
        raise DTypeError(
            f"{name} has no tensor type in the file: infer one (onnx.shape_inference) and save it"
        )
    dtype = DTYPES.get(held.elem_type)
    if dtype is None:
        kind = TensorProto.DataType.Name(held.elem_type).lower()
        raise DTypeError(
            f"{name} is {kind}; inputs are float, numbers of tokens in int32 or int64, or masks in bool: "
            "save the network in float32, or give a Python number, which fixes the input"
        )
    if given is None:
        return Input(value.name, _from_file(value, notes), dtype), None
    if is_shape(given):
        shape, example = tuple(given), None
    else:
        example = _array(given, name, dtype)
        shape = example.shape
    dims = list(held.shape.dim) if held.HasField("shape") else None
    fits = dims is None or (
        len(dims) == len(shape)
        and all(d.dim_value in (0, size) or d.dim_value < 0 for d, size in zip(dims, shape, strict=True))
    )
    if not fits:
        raise ShapeError(f"{name} is {described(value)} in the file; {list(shape)} is given")
    _check_shape(value.name, shape)
    return Input(value.name, shape, dtype), example


def _array(given: Any, name: str, dtype: DType) -> NDArray[Any]:
    array = np.ascontiguousarray(given.detach().cpu().numpy() if hasattr(given, "detach") else given)
    if array.dtype != dtype.numpy:
        raise DTypeError(f"{name} is {dtype.numpy} in the file; the example is {array.dtype}")
    return np.array(array.reshape(np.shape(given)))


def _from_file(value: ValueInfoProto, notes: list[str]) -> tuple[int, ...]:
    held = value.type.tensor_type
    name = f"the input {value.name!r}"
    how = "give its shape: compile(path, {'" + value.name + "': (1, 3, 224, 224)}), or --input-shape"
    if not held.HasField("shape"):
        raise ShapeError(f"{name} has no shape in the file; {how}")
    sizes = [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else 0 for d in held.shape.dim]
    open_at = [i for i, size in enumerate(sizes) if size == 0]
    if open_at == [0] and len(sizes) > 1:
        notes.append(f"inputs: {value.name} is {described(value)} in the file; compiled for a batch of 1")
        sizes[0] = 1
    elif open_at:
        raise ShapeError(f"{name} is {described(value)} in the file, which leaves sizes open; {how}")
    _check_shape(value.name, tuple(sizes))
    return tuple(sizes)


def _check_shape(name: str, shape: tuple[int, ...]) -> None:
    if any(size < 1 for size in shape):
        raise ShapeError(f"the input {name!r} has the shape {list(shape)}; every size is at least 1")
    if not shape:
        raise ShapeError(
            f"the input {name!r} is one number, which a compiled model has as a constant: "
            f"compile(path, {{{name!r}: NUMBER}}), or --fix {name}=NUMBER"
        )
    if len(shape) > 5:
        raise ShapeError(f"the input {name!r} has {len(shape)} dimensions; 1 to 5 are supported")
