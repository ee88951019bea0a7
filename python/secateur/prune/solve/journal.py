"""What a run of `one_shot` has done so far, in a folder, so that another process can go on with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from secateur.errors import PruningError
from secateur.files import save_atomically
from secateur.prune.example import Example
from secateur.prune.tensor_file import read, write


class Journal:
    """One file for the plan (which run this is, how sparse each layer gets) and one for each layer done.

    A layer's file is written once and whole, after the layer; so what stands there was finished.
    """

    def __init__(self, folder: str | Path, run: Mapping[str, str]) -> None:
        self._folder, self._run = Path(folder), dict(run)
        self._plan: dict[str, Any] | None = None
        path = self._folder / "plan.json"
        if not self._folder.is_dir():
            try:
                self._folder.mkdir(parents=True)
            except OSError as error:
                raise PruningError(f"resume: cannot make the folder {folder}: {error.strerror}") from None
        if path.exists():
            try:
                self._plan = json.loads(path.read_text(encoding="utf-8"))
                was = self._plan["run"]
                differs = [key for key, value in self._run.items() if was.get(key) != value]
            except (OSError, ValueError, TypeError, KeyError, AttributeError):
                raise PruningError(f"resume: {path} is not a plan of one_shot; take another folder") from None
            if differs:
                raise PruningError(
                    f"resume: {folder} holds a run of another {', '.join(differs)}; call one_shot as then, "
                    f"with the dense network, or take another folder"
                )
        elif any(self._folder.iterdir()):
            raise PruningError(f"resume: {folder} is not empty and holds no run; take another folder")

    @property
    def plan(self) -> list[Any] | None:
        """What was settled, as `settle` was given it; None where the run had not come so far."""
        return None if self._plan is None else list(self._plan["settled"])

    def settle(self, settled: list[Any]) -> None:
        """Keep how sparse each layer gets."""
        text = json.dumps({"run": self._run, "settled": settled}, indent=1)
        save_atomically(self._folder / "plan.json", text.encode())

    def done(self, number: int, name: str) -> dict[str, Tensor] | None:
        """The tensors of a layer that was done, None where it was not. Raises PruningError if damaged."""
        path = self._path(number)
        if not path.exists():
            return None
        tensors, metadata = read(path)
        if metadata.get("layer") != name:
            raise PruningError(f"resume: {path} is of layer {metadata.get('layer')!r}, not of {name!r}")
        return tensors

    def keep(self, number: int, name: str, tensors: Mapping[str, Tensor]) -> None:
        """Write down a layer that is done."""
        write(self._path(number), tensors, {"layer": name})

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04d}.safetensors"


def fingerprint(model: nn.Module, batches: Iterable[Example], settings: Mapping[str, Any]) -> dict[str, str]:
    """What tells runs apart: the network's tensors and the inputs to the bit, and every setting."""
    tensors = [*model.state_dict().items()]
    leaves = [
        (str(place), leaf)
        for batch in batches
        for place, leaf in enumerate(pytree.tree_leaves((batch.args, batch.kwargs)))
    ]
    found = {"network": _digest(tensors), "calibration": _digest(leaves)}
    return {**found, **{key: repr(value) for key, value in settings.items()}}


def _digest(items: Iterable[tuple[str, object]]) -> str:
    digest = hashlib.sha256()
    for name, value in items:
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)} ".encode())
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().data)
        else:
            digest.update(f"{name} {value!r} ".encode())
    return digest.hexdigest()
