"""A pruned network in a file, and back into an instance of its class: no pickle, no pruning again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from secateur.errors import PruningError
from secateur.prune import tensor_file
from secateur.prune.example import unwrap

VERSION = 1
KEY = "secateur.prune"  # of the description, in the file's metadata
MOST_NAMED = 4  # of the tensors that do not fit, in an error


def save(model: nn.Module, path: str | Path) -> None:
    """Write `model` as a safetensors file: its tensors as they are, and a plain description beside them.

    The description is JSON: the class's name, every module's whole numbers (channels, groups, heads), and
    which names share one tensor. Any reader of safetensors gets the tensors; `load` gets the network. Of a
    model inside torch.compile or DistributedDataParallel the model inside is written.

    Raises PruningError for what such a file cannot hold (a state that is no tensor, parameters that a lazy
    module has not made yet), and SaveError where the file cannot be written.
    """
    inner = unwrap(model)
    state: dict[str, Any] = inner.state_dict(keep_vars=True)
    tensors: dict[str, Tensor] = {}
    first: dict[tuple[Any, ...], str] = {}
    shared: dict[str, str] = {}
    for name, value in state.items():
        if not isinstance(value, Tensor) or isinstance(value, UninitializedParameter):
            raise PruningError(f"{name!r} is a {type(value).__name__}, which a file of tensors cannot hold")
        where = (value.data_ptr(), tuple(value.shape), value.stride(), value.dtype)
        if value.numel() and where in first:
            shared[name] = first[where]
        else:
            first[where] = name
            tensors[name] = value
    description = {
        "version": VERSION,
        "class": type(inner).__name__,
        "shared": shared,
        "modules": {name: found for name, module in inner.named_modules() if (found := _numbers(module))},
    }
    tensor_file.write(path, tensors, {"format": "pt", KEY: json.dumps(description, separators=(",", ":"))})


def load(path: str | Path, model: nn.Module) -> nn.Module:
    """Make `model`, an unpruned instance of the class that was saved, the network in the file; returns it.

    Tensors whose shape differs become new parameters and the modules' own numbers follow, so make an
    optimizer afterwards; dtypes are the file's, devices the model's. What is compared are the names of the
    tensors, and the shapes, of which none may be larger than the model's.

    Raises PruningError, and leaves `model` as it was, for a file that is damaged, that `save` did not write
    or a later version did, and for a network that the file does not fit.

    >>> import tempfile
    >>> from secateur.prune import prune_oneshot
    >>> make = lambda: nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> pruned, x = make(), torch.randn(3, 4)
    >>> _ = prune_oneshot(pruned, 0.5, pattern="channel", example_inputs=x)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(pruned, f"{folder}/net.safetensors")
    ...     again = load(f"{folder}/net.safetensors", make())
    >>> again[0], bool(torch.equal(again(x), pruned(x)))
    (Linear(in_features=4, out_features=8, bias=True), True)
    """
    inner = unwrap(model)
    tensors, metadata = tensor_file.read(path)
    description = _description(path, metadata)
    shared: dict[str, str] = description["shared"]
    if any(name not in tensors for name in shared.values()):
        raise PruningError(f"{path}: its description names tensors that it does not hold")
    _fit(path, inner, {**tensors, **{name: tensors[of] for name, of in shared.items()}}, description["class"])
    modules = dict(inner.named_modules())
    changes: list[tuple[nn.Module, str, Any]] = []
    for name, numbers in description["modules"].items():
        if name not in modules:
            raise PruningError(f"{path}: the network has no module {name!r}; it is a {description['class']}")
        mine = _numbers(modules[name])
        for key, value in numbers.items():
            new = tuple(value) if isinstance(value, list) else value
            if key in mine and new != mine[key]:
                if not _smaller(new, mine[key]):
                    raise PruningError(f"{path}: {name}.{key} is {new} there and {mine[key]} in the network")
                changes.append((modules[name], key, new))
    made: dict[str, Tensor] = {}
    for name, tensor in {**tensors, **{name: tensors[of] for name, of in shared.items()}}.items():
        _place(inner, name, tensor, made, shared.get(name, name))
    for module, key, value in changes:
        setattr(module, key, value)
    return model


def _description(path: str | Path, metadata: dict[str, str]) -> dict[str, Any]:
    if KEY not in metadata:
        raise PruningError(
            f"{path} holds tensors but no description of a pruned network: "
            f"secateur.prune.save did not write it"
        )
    try:
        found = json.loads(metadata[KEY])
        version = found["version"]
        if version != VERSION:
            raise PruningError(f"{path} is of version {version!r}; this reads {VERSION}")
        tables = found["shared"], found["modules"]
        plain = all(isinstance(table, dict) for table in (*tables, *found["modules"].values()))
        if not plain or not all(isinstance(name, str) for name in found["shared"].values()):
            raise ValueError
        if not all(_is_number(v) for table in found["modules"].values() for v in table.values()):
            raise ValueError
        found["class"] = str(found["class"])[:80]
    except PruningError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError):
        raise PruningError(f"{path}: its description is damaged") from None
    return dict(found)


def _is_number(value: object) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return bool(values) and all(type(v) is int for v in values)


def _numbers(module: nn.Module) -> dict[str, Any]:
    """The whole numbers, and rows of them, that a module holds as plain attributes."""
    return {key: v for key, v in vars(module).items() if not key.startswith("_") and _is_number(v)}


def _smaller(new: Any, old: Any) -> bool:
    if isinstance(new, tuple) and isinstance(old, (tuple, list)):
        return len(new) == len(old) and all(a <= b for a, b in zip(new, old, strict=True))
    return isinstance(new, int) and isinstance(old, int) and 0 < new <= old


def _fit(path: str | Path, model: nn.Module, tensors: dict[str, Tensor], kind: str) -> None:
    """Raises PruningError unless the network has just these tensors, none of them smaller."""
    mine: dict[str, Any] = model.state_dict(keep_vars=True)
    about = f"{path} holds a {kind} and does not fit this {type(model).__name__}"
    for names, what in (
        (mine.keys() - tensors.keys(), "lacks"),
        (tensors.keys() - mine.keys(), "also holds"),
    ):
        if names:
            shown = ", ".join(sorted(names)[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
            raise PruningError(f"{about}: it {what} {shown}")
    for name, tensor in tensors.items():
        shape = tuple(mine[name].shape)
        larger = len(shape) != tensor.dim() or any(a > b for a, b in zip(tensor.shape, shape, strict=True))
        if larger:
            raise PruningError(f"{about}: {name} is {tuple(tensor.shape)} there and {shape} in the network")


def _place(model: nn.Module, name: str, tensor: Tensor, made: dict[str, Tensor], source: str) -> None:
    owner, _, key = name.rpartition(".")
    module = model.get_submodule(owner)
    old = module._parameters.get(key)
    if old is None:
        buffer = module._buffers[key]
        assert buffer is not None
        module._buffers[key] = tensor.to(buffer.device)
        return
    if source in made:
        module._parameters[key] = made[source]  # type: ignore[assignment]
        return
    if old.shape == tensor.shape and old.dtype == tensor.dtype:
        with torch.no_grad():
            old.copy_(tensor)
        made[source] = old
        return
    new = nn.Parameter(tensor.to(old.device), requires_grad=old.requires_grad)
    made[source] = new
    module._parameters[key] = new
