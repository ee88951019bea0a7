"""Programs that come quantised (PT2E, torchao): quantize and dequantize operators say the scale of a tensor.

The pairs around tensors are taken out and their scales kept, so that what is lowered is the network in
float32; weights that are stored as bytes become parameters in float32. As `frontend/onnx/qdq.py` does it.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from secateur.frontend.common import Scale, Stored, numbers_of

_BYTES = {torch.int8: (-128, 127, 0), torch.uint8: (0, 255, 128)}  # least, most, less to be i8
_MARK = "quantised as"  # what torch hands on to all that it makes of a node
_KINDS = ("quantize_per_tensor", "dequantize_per_tensor", "dequantize_per_channel")


@dataclass(frozen=True)
class _Codes:
    """Of a quantize or dequantize operator, what it says."""

    scale: torch.Tensor
    zero: torch.Tensor
    axis: int
    least: int
    most: int
    dtype: torch.dtype

    def of_tensor(self) -> Scale | None:
        """One scale for a tensor of bytes, all of whose values may occur; None of others."""
        least, most, shift = _BYTES.get(self.dtype, (0, 0, 0))
        if self.scale.numel() != 1 or (self.least, self.most) != (least, most) or least == most:
            return None
        scale = float(self.scale)
        return Scale(scale, int(self.zero) - shift) if np.isfinite(scale) and scale > 0 else None


def is_quantised(program: ExportedProgram) -> bool:
    return any(_kind(node) for node in program.graph.nodes)


def register_operators() -> None:
    """Makes the operators known, without which a file that holds them cannot be loaded."""
    with contextlib.suppress(ImportError):  # of a torch that left them to torchao
        import torch.ao.quantization.fx._decomposed  # noqa: F401


def in_float32(program: ExportedProgram) -> tuple[ExportedProgram, Stored]:
    """The program without the pairs around its tensors and with its weights in float32; what these said,
    tensors and weights by the names of their nodes.

    A pair that is not one of bytes with one scale stays where it is.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own pytrees
        made = copy.deepcopy(program)
    stored = Stored()
    names = {i.arg.name: str(i.target) for i in made.graph_signature.input_specs if i.target is not None}
    held = {**made.constants, **made.state_dict}

    def constant(argument: Any) -> torch.Tensor | None:
        if isinstance(argument, (int, float)):
            return torch.tensor(argument)
        name = names.get(argument.name, "") if isinstance(argument, torch.fx.Node) else ""
        found = held.get(name)
        return found if isinstance(found, torch.Tensor) else None

    for node in [n for n in made.graph.nodes if _kind(n).startswith("dequantize")]:
        weight = node.args[0]
        codes, said = constant(weight), _said(node, constant)
        if said is not None and codes is not None and len(weight.users) == 1:
            _store(made, node, names[weight.name], codes, said, stored)
    for node in [n for n in made.graph.nodes if _kind(n) == "quantize_per_tensor"]:
        scale = _scale(node, constant)
        users = list(node.users)
        if scale is None or any(_kind(user) != "dequantize_per_tensor" for user in users):
            continue
        if any(_scale(user, constant) != scale for user in users):
            continue
        x = node.args[0]
        for user in users:
            user.replace_all_uses_with(x)
            made.graph.erase_node(user)
        made.graph.erase_node(node)
        stored.keep(x.name, scale)
        x.meta["custom"] = {**x.meta.get("custom", {}), _MARK: x.name}
    given = next(iter(made.graph.find_nodes(op="output"))).args[0]
    for output, node in zip(made.graph_signature.output_specs, given, strict=True):
        if isinstance(node, torch.fx.Node):  # of a pair that is gone: what it read
            output.arg.name = node.name
    made.graph_module.recompile()
    return made, stored


def marked(nodes: Iterable[torch.fx.Node]) -> dict[str, torch.fx.Node]:
    """The nodes that give the tensors of `Stored`, in a program whose operators may have come apart."""
    found = {}
    for node in nodes:  # the last part of an operator gives its result
        name = node.meta.get("custom", {}).get(_MARK, "")
        if name:
            found[name] = node
    return found


def _kind(node: torch.fx.Node) -> str:
    """`quantize_per_tensor` and so on, of whichever library; "" of other nodes."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return ""
    name = node.target._schema.name.rpartition("::")[2]
    return name if name in _KINDS else ""


def _said(node: torch.fx.Node, constant: Any) -> _Codes | None:
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    per_channel = "axis" in given
    scale = constant(given.get("scales" if per_channel else "scale"))
    zero = constant(given.get("zero_points" if per_channel else "zero_point"))
    zero = torch.zeros(()) if zero is None and given.get("zero_points") is None and per_channel else zero
    if scale is None or zero is None:
        return None
    return _Codes(
        scale.float(),
        zero,
        int(given.get("axis", 0)),
        int(given["quant_min"]),
        int(given["quant_max"]),
        given["dtype"],
    )


def _scale(node: torch.fx.Node, constant: Any) -> Scale | None:
    said = _said(node, constant)
    return None if said is None else said.of_tensor()


def _store(
    made: ExportedProgram, node: torch.fx.Node, name: str, codes: torch.Tensor, said: _Codes, stored: Stored
) -> None:
    """Puts a weight's numbers in the place of its codes."""
    scale, zero = said.scale.numpy(), said.zero.numpy()
    numbers = torch.from_numpy(numbers_of(codes.numpy(), scale, zero, said.axis))
    placeholder = node.args[0]
    assert isinstance(placeholder, torch.fx.Node)
    placeholder.meta["val"] = node.meta["val"]
    held: dict[str, Any] = made.state_dict if name in made.state_dict else made.constants
    held[name] = numbers
    node.replace_all_uses_with(placeholder)
    made.graph.erase_node(node)
    if codes.dtype == torch.int8 and said.axis == 0 and not zero.any():
        stored.rows[placeholder.name] = scale.reshape(-1)
