"""Example inputs of a network, and copies of it that can be tried on them."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

# Wrappers that hold the network itself under one name.
WRAPPERS = {"DistributedDataParallel": "module", "DataParallel": "module", "AveragedModel": "module"}


def unwrap(model: nn.Module) -> nn.Module:
    """The network inside torch.compile, DistributedDataParallel, DataParallel or AveragedModel.

    >>> inner = nn.Linear(2, 2)
    >>> unwrap(nn.DataParallel(inner)) is inner
    True
    """
    while True:
        key = WRAPPERS.get(type(model).__name__, "_orig_mod")
        inner = model._modules.get(key)
        if inner is None or (key == "_orig_mod" and type(model).__name__ != "OptimizedModule"):
            return model
        model = inner


def group_of(model: nn.Module) -> Any:
    """The process group of a DistributedDataParallel around the network; None where there is none."""
    while True:
        if type(model).__name__ == "DistributedDataParallel":
            return model.process_group
        inner = model._modules.get("_orig_mod" if type(model).__name__ == "OptimizedModule" else "module")
        if inner is None:
            return None
        model = inner


@dataclass(frozen=True)
class Example:
    """Arguments of a network's forward, by place and by keyword."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, inputs: Any, model: nn.Module | None = None) -> Example:
        """From one tensor, a tuple of arguments, or a mapping from the names of arguments.

        A mapping whose keys are not arguments of ``model.forward`` is one argument itself.
        """
        if isinstance(inputs, (tuple, list)):
            return cls(tuple(inputs))
        if isinstance(inputs, Mapping) and (model is None or _takes(model, inputs)):
            return cls((), dict(inputs))
        return cls((inputs,))

    def fitted(self, model: nn.Module) -> Example:
        """The same with tensors on the model's device, and floats of its dtype where it has just one."""
        tensors = [*model.parameters(), *model.buffers()]
        devices = {t.device for t in tensors}
        dtypes = {t.dtype for t in model.parameters() if t.is_floating_point()}

        def fit(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            if len(devices) == 1:
                value = value.to(next(iter(devices)))
            return value.to(next(iter(dtypes))) if value.is_floating_point() and len(dtypes) == 1 else value

        args, kwargs = pytree.tree_map(fit, (self.args, self.kwargs))
        return Example(tuple(args), dict(kwargs))

    def call(self, model: nn.Module) -> Any:
        """``model(*args, **kwargs)``, without gradients and outside any autocast."""
        with torch.no_grad(), plain_precision():
            return model(*self.args, **self.kwargs)

    def __str__(self) -> str:
        leaves = pytree.tree_leaves((self.args, self.kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        return ", ".join(f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for t in tensors)


def _takes(model: nn.Module, inputs: Mapping[Any, Any]) -> bool:
    try:
        names = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return True
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in names.values())
    return all(isinstance(key, str) and (anything or key in names) for key in inputs)


@contextlib.contextmanager
def plain_precision() -> Iterator[None]:
    """Outside autocast, on the processor and on CUDA."""
    with torch.autocast("cpu", enabled=False):
        if torch.cuda.is_available():
            with torch.autocast("cuda", enabled=False):
                yield
        else:
            yield


def _kept_tensors(value: object, memo: dict[int, Any], seen: set[int]) -> None:
    """Puts a detached copy of every tensor that an object keeps from a forward pass into `memo`."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Tensor):
        if value.grad_fn is not None:
            memo[id(value)] = value.detach().clone()
    elif isinstance(value, Mapping):
        for item in value.values():
            _kept_tensors(item, memo, seen)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            _kept_tensors(item, memo, seen)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        _kept_tensors(vars(value), memo, seen)


def twin(model: nn.Module) -> nn.Module:
    """A deep copy in eval mode, also of a network that keeps features of its last forward on itself.

    Those are tensors with a history, which Python's deepcopy refuses; the copy holds them without one.
    """
    memo: dict[int, Any] = {}
    seen: set[int] = set()
    for module in model.modules():
        for key, value in vars(module).items():
            if key not in ("_parameters", "_buffers", "_modules"):
                _kept_tensors(value, memo, seen)
        _kept_tensors(module._buffers, memo, seen)
    return copy.deepcopy(model, memo).eval()
