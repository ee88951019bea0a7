"""Example inputs: copied before anything looks at them, and fresh ones to compare on.

`torch.export` takes two inputs that are one tensor object for one input, keeps the strides of a view, and
lets a value that `forward` read from its input stand as a constant. Copies of the examples avoid the first
two; the third shows on inputs that have other values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from secateur.errors import DTypeError, InvalidArgumentError, ShapeError
from secateur.ir import DType

INTEGERS = {torch.int32: DType.I32, torch.int64: DType.I64, torch.bool: DType.BOOL}

Inputs = torch.Tensor | Sequence[Any] | Mapping[str, Any] | None


def arguments(
    given: torch.Tensor | Sequence[Any] | Mapping[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of the call that the examples stand for; every tensor is a copy,
    contiguous and without gradient, that shares memory with nothing.

    A tensor is the only argument, a sequence holds the positional ones, a mapping those by keyword; either
    may nest tuples, lists and dictionaries of tensors. Raises DTypeError, ShapeError, InvalidArgumentError.

    >>> one = torch.ones(2)
    >>> (a, b), _ = arguments((one, one))
    >>> a is b
    False
    """
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(given, torch.Tensor):
        args = (given,)
    elif isinstance(given, Mapping):
        kwargs = dict(given)
    elif isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        args = tuple(given)
    else:
        raise InvalidArgumentError(
            f"example inputs are a tensor, a sequence of tensors or a dictionary by name, not "
            f"{type(given).__name__}"
        )
    for path, leaf in pytree.tree_flatten_with_path((args, kwargs))[0]:
        where = _place(path)
        if not isinstance(leaf, torch.Tensor):
            raise InvalidArgumentError(
                f"example input {where} is a {type(leaf).__name__}, not a tensor; what is no tensor is part "
                "of the network: fix it with functools.partial or in a wrapping module"
            )
        check_input(f"input {where}", leaf.dtype, tuple(leaf.shape), integers=True)
    copied: tuple[tuple[Any, ...], dict[str, Any]] = pytree.tree_map(_copy, (args, kwargs))
    return copied


# An expanded example of more elements than this stays expanded: the copy is of what lies behind it.
_LARGE = 2**28


def _copy(x: torch.Tensor) -> torch.Tensor:
    if x.numel() > _LARGE and 0 in x.stride():
        held = x.detach()[tuple(slice(1) if step == 0 else slice(None) for step in x.stride())]
        return held.clone().as_subclass(torch.Tensor).expand(x.shape)
    return x.detach().clone(memory_format=torch.contiguous_format).as_subclass(torch.Tensor)


def _place(path: Sequence[Any]) -> str:
    """Where in the call: ``0``, ``1[0]``, ``mask['k']``."""
    head = path[1]
    name = str(head.idx) if isinstance(head, pytree.SequenceKey) else repr(head.key)
    return name + pytree.keystr(tuple(path[2:]))


def check_input(name: str, dtype: torch.dtype, shape: tuple[Any, ...], *, integers: bool = False) -> None:
    """Float32, or numbers of tokens and masks where there may be `integers`, of fixed, positive size and at
    most 5 dimensions; raises DTypeError or ShapeError that names the input."""
    if dtype != torch.float32 and not (integers and dtype in INTEGERS):
        if dtype.is_floating_point:
            hint = "pass x.float(), and a network with float32 weights"
        elif dtype == torch.uint8:
            hint = "pixels are passed as the network was trained on them, such as x.float() / 255"
        else:
            hint = "numbers of tokens are int32 or int64, masks bool" if integers else "pass x.float()"
        raise DTypeError(f"{name} is {str(dtype).removeprefix('torch.')}; inputs are float32: {hint}")
    for dim, size in enumerate(shape):
        if not isinstance(size, int):
            raise ShapeError(f"{name} has a dynamic size in dimension {dim}; export it with fixed shapes")
        if size < 1:
            raise ShapeError(f"{name} has size {size} in dimension {dim}; every size is at least 1")
    if len(shape) > 5:
        raise ShapeError(f"{name} has {len(shape)} dimensions; up to 5 are supported")


def refuse_merged(names: Sequence[str], used: Sequence[bool], stored: Sequence[Any]) -> None:
    """Raises InvalidArgumentError where a program was exported with one tensor for two inputs.

    The exporter has then wired all that read either to one of them, and nothing in the graph says which.
    """

    def identity(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return id(x)
        return x.data_ptr(), tuple(x.shape), x.stride(), x.dtype

    for i, name in enumerate(names):
        if used[i]:
            continue
        for j, other in enumerate(names):
            if i != j and identity(stored[i]) == identity(stored[j]):
                raise InvalidArgumentError(
                    f"the program was exported with the same tensor for its inputs {name!r} and {other!r}, "
                    "which makes one input of the two; export it with distinct tensors"
                )


def fresh(examples: Sequence[torch.Tensor], seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Inputs like the examples with other values, each drawn by itself.

    Values are the example's own in another order and scaled by 3/4, so that what was positive, below one or
    infinite stays so, and no two are equal that were not: which of them a top-k takes, nothing says. Integers
    are drawn from the example's own; an example of one value c varies by c/2, and one of zeros is standard
    normal.
    """
    generator = torch.Generator().manual_seed(seed)
    return tuple(_fresh(x, generator) for x in examples)


def _fresh(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    values = x.reshape(-1)
    count = values.numel()
    if not x.is_floating_point():
        return values[torch.randint(count, (count,), generator=generator)].reshape(x.shape)
    picked = values[torch.randperm(count, generator=generator)].reshape(x.shape)
    first = float(values[0])
    if bool((values != first).any()):
        return picked * 0.75
    if first == 0:
        return torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return picked * (0.5 + torch.rand(x.shape, generator=generator, dtype=x.dtype))
