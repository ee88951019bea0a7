"""Where a network comes from: an exported program, an ONNX file, a factory in a module or file, or the zoo by
name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secateur.distribution import install
from secateur.errors import InvalidArgumentError, ModelFileError, ModelNotFoundError, ShapeError

if TYPE_CHECKING:
    import torch

    from secateur.frontend.common import Oracle


# Where training checkpoints keep the state dict, in the order in which they are looked for.
STATE_KEYS = ("state_dict", "model_state_dict", "model", "net")


@dataclass
class Network:
    """A network in eval mode with inputs to run it on. `program` is set where it came from a .pt2."""

    name: str
    module: torch.nn.Module
    inputs: tuple[torch.Tensor, ...]
    weights: str
    program: torch.export.ExportedProgram | None = None


RANDOM_WEIGHTS = "random weights"


def parse_shape(text: str) -> tuple[int, ...]:
    """The shape that "1,3,224,224" or "1x3x224x224" names.

    >>> parse_shape("1,3,224,224")
    (1, 3, 224, 224)
    """
    try:
        shape = tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise ShapeError(f"{text!r} is not a shape; write it as 1,3,224,224") from None
    if not shape or min(shape) < 1:
        raise ShapeError(f"every size in the shape {text!r} must be at least 1")
    return shape


def load_network(
    spec: str,
    *,
    checkpoint: str | None = None,
    input_shapes: Sequence[tuple[int, ...]] = (),
    seed: int = 0,
    trust: bool = False,
) -> Network:
    """The network that `spec` names.

    `spec` is the path of a .pt2 file (`torch.export.save`), "package.module:factory" or
    "path/to/file.py:factory" (a callable without required arguments that gives an `nn.Module`, or a
    pair of the module and its example inputs), or the name of a network in `secateur.zoo`.
    `checkpoint` is a state dict to load. `input_shapes` replaces the example inputs by standard normal
    ones of these shapes. `trust` loads a .pt2 file that may run its author's code.

    Raises ModelNotFoundError, ModelFileError, ShapeError or InvalidArgumentError, each with a sentence.
    """
    if is_onnx(spec):
        raise InvalidArgumentError(
            f"{spec} is an ONNX file, which secateur compile, quantize and verify take; this command takes "
            "PyTorch networks"
        )
    if spec.endswith(".pt2"):
        return _from_exported(spec, checkpoint, input_shapes, seed, trust)
    if checkpoint is not None and not os.path.exists(checkpoint):  # before torch is loaded
        raise ModelNotFoundError(f"no checkpoint at {checkpoint}")
    module, inputs = _from_factory(spec)
    weights = RANDOM_WEIGHTS
    if checkpoint is not None:
        load_checkpoint(module, checkpoint)
        weights = os.path.basename(checkpoint)
    elif ":" in spec:
        weights = "as the factory made them"
    if input_shapes:
        inputs = random_inputs(input_shapes, seed)
    if inputs is None:
        raise ShapeError(f"{spec} comes without example inputs; give their shape with --input-shape")
    return Network(spec.rpartition(":")[2], module.eval(), inputs, weights)


def random_inputs(shapes: Sequence[tuple[int, ...]], seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Standard normal float32 tensors of these shapes, the same for the same seed."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def load_checkpoint(module: torch.nn.Module, path: str) -> None:
    """Loads the state dict at `path` into `module`, strictly.

    A training checkpoint that holds it under one of `STATE_KEYS` does too, and names that begin with
    "module." or "_orig_mod." as DistributedDataParallel and torch.compile write them.
    """
    import torch

    if not os.path.exists(path):
        raise ModelNotFoundError(f"no checkpoint at {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelFileError(
            f"{path} is not a checkpoint that torch.load reads: {_first_line(error)}"
        ) from error
    try:
        module.load_state_dict(_state_dict(state, set(module.state_dict())))
    except Exception as error:
        raise ModelFileError(f"{path} does not fit this network: {_first_line(error, 2)}") from error


def _state_dict(state: Any, names: set[str]) -> Any:
    """The state dict inside a checkpoint, with the names that the network has."""
    for key in STATE_KEYS:
        if isinstance(state, dict) and key not in names and isinstance(state.get(key), dict):
            state = state[key]
            break
    for prefix in ("module.", "_orig_mod."):
        foreign = isinstance(state, dict) and not all(key in names for key in state)
        if foreign and all(str(key).startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _from_exported(
    path: str, checkpoint: str | None, input_shapes: Sequence[tuple[int, ...]], seed: int, trust: bool
) -> Network:
    if checkpoint is not None:
        raise InvalidArgumentError("--checkpoint goes with a factory; a .pt2 file has its weights in it")
    if not os.path.exists(path):  # before torch is loaded
        raise ModelNotFoundError(f"no exported program at {path}")
    from secateur.frontend.torch import load_program

    program = load_program(Path(path), trust=trust)
    inputs: tuple[Any, ...] | None = None
    if input_shapes:
        inputs = random_inputs(input_shapes, seed)
    elif program.example_inputs is not None:
        inputs = tuple(program.example_inputs[0])
    if inputs is None:
        raise ShapeError(f"{path} was saved without example inputs; give their shape with --input-shape")
    name = os.path.basename(path).removesuffix(".pt2")
    return Network(name, program.module(), inputs, os.path.basename(path), program)


def load_object(spec: str) -> Any:
    """What "package.module:name" or "path/to/file.py:name" names. Raises ModelNotFoundError,
    InvalidArgumentError."""
    place, _, attribute = spec.rpartition(":")
    found = getattr(_import(place), attribute, None)
    if found is None:
        raise InvalidArgumentError(f"{place} has nothing called {attribute!r}")
    return found


def _from_factory(spec: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...] | None]:
    if ":" not in spec:
        return _from_zoo(spec)
    factory = load_object(spec)
    if not callable(factory):
        raise InvalidArgumentError(f"{spec} is not callable; it should give a torch.nn.Module")
    return _module_and_inputs(factory(), spec)


def _module_and_inputs(made: Any, spec: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...] | None]:
    import torch

    inputs: tuple[torch.Tensor, ...] | None = None
    if isinstance(made, tuple) and len(made) == 2:
        made, given = made
        given = (given,) if isinstance(given, torch.Tensor) else tuple(given)
        inputs = tuple(x.detach().clone() for x in given)  # one tensor given twice is two inputs
    if not isinstance(made, torch.nn.Module):
        raise InvalidArgumentError(f"{spec} gave a {type(made).__name__}, not a torch.nn.Module")
    return made, inputs


def _import(place: str) -> Any:
    if place.endswith(".py"):
        if not os.path.exists(place):
            raise ModelNotFoundError(f"no Python file at {place}")
        spec = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(Path(place).stem, module)
        spec.loader.exec_module(module)
        return module
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(error.name + ".")):
            raise InvalidArgumentError(f"no module called {place!r} can be imported from here") from None
        raise


def _from_zoo(name: str) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...] | None]:
    from secateur import zoo

    if name not in zoo.NETWORKS:
        raise InvalidArgumentError(
            f"{name!r} is neither a .pt2 file, nor module:factory, nor one of {', '.join(zoo.NETWORKS)}"
        )
    return _module_and_inputs(zoo.make(name), name)


def _first_line(error: Exception, lines: int = 1) -> str:
    text = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(text[:lines]) or type(error).__name__


def open_network(
    model: Any, inputs: Any = None, *, trust: bool = False, states: Mapping[str, str] | None = None
) -> Oracle:
    """A network ready to be lowered and compared with; arguments as `secateur.compile` takes them."""
    if is_onnx(model):
        require_onnx(model if isinstance(model, (str, os.PathLike)) else "an ONNX network")
        from secateur.frontend.onnx import OnnxOracle, read

        return OnnxOracle(read(model, inputs, states))
    if states:
        raise InvalidArgumentError("states are of ONNX files; a PyTorch network keeps its state in buffers")
    try:
        from secateur.frontend.torch import TorchOracle, export
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"secateur.compile needs torch for a PyTorch network: {install('torch')}", name="torch"
        ) from None

    return TorchOracle(export(model, inputs, trust=trust))


def is_onnx(model: Any) -> bool:
    """The path of an ONNX file, by its ending, or an `onnx.ModelProto`."""
    if isinstance(model, (str, os.PathLike)):
        return Path(model).suffix.lower() == ".onnx"
    return type(model).__name__ == "ModelProto"


def require_onnx(what: Any) -> None:
    """Raises InvalidArgumentError that says how to install what reads ONNX files."""
    if importlib.util.find_spec("onnx") is None:
        raise InvalidArgumentError(f"reading {os.fspath(what)} needs the package onnx: {install('onnx')}")
