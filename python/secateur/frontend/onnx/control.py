"""Control flow whose course is known when the network is compiled: branches chosen, loops unrolled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, helper

from secateur.frontend.common import Unknown
from secateur.lowering import join, select, shape
from secateur.lowering.axes import Tensor
from secateur.lowering.unsupported import Unsupported

if TYPE_CHECKING:
    from secateur.frontend.onnx.walk import OnnxWalk

MOST_STEPS = 4096  # that a loop is unrolled to


def run(walk: OnnxWalk, node: NodeProto, operands: Sequence[Any], env: dict[str, Any]) -> tuple[Any, ...]:
    """The outputs of an If, Loop or Scan."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    kinds = {"If": _if, "Loop": _loop, "Scan": _scan}
    return tuple(kinds[node.op_type](walk, node, attributes, operands, env))


def _truth(x: Any, what: str) -> bool:
    if not isinstance(x, np.ndarray):
        raise Unsupported(
            f"{what} is computed from the inputs: what runs must be known when the network is compiled; fix "
            "the input that decides it by giving a Python number for it, or export the part that is used"
        )
    return bool(x.reshape(-1)[0])


def _if(
    walk: OnnxWalk, node: NodeProto, attributes: dict[str, Any], operands: Sequence[Any], env: dict[str, Any]
) -> list[Any]:
    taken = "then_branch" if _truth(operands[0], "its condition") else "else_branch"
    return walk.body(attributes[taken], env, [], f"{node.output[0]}.{taken.split('_')[0]}")


def _loop(
    walk: OnnxWalk, node: NodeProto, attributes: dict[str, Any], operands: Sequence[Any], env: dict[str, Any]
) -> list[Any]:
    most, condition = operands[0], operands[1]
    if isinstance(most, (Tensor, Unknown)):
        raise Unsupported("the number of its steps is computed from the inputs")
    steps = MOST_STEPS + 1 if most is None else int(most.reshape(-1)[0])
    state = list(operands[2:])
    body = attributes["body"]
    scans: list[list[Any]] = [[] for _ in range(len(body.output) - 1 - len(state))]
    going = condition is None or _truth(condition, "its condition")
    at = 0
    while going and at < steps:
        if at == MOST_STEPS:
            raise Unsupported(f"more than {MOST_STEPS} steps")
        first = np.array(at, np.int64)
        results = walk.body(body, env, [first, np.array(True), *state], f"{node.output[0]}[{at}]")
        going = _truth(results[0], "its condition")
        state = results[1 : 1 + len(state)]
        for scan, x in zip(scans, results[1 + len(state) :], strict=True):
            scan.append(x)
        at += 1
    return [*state, *(_stacked(walk, scan, 0) for scan in scans)]


def _scan(
    walk: OnnxWalk, node: NodeProto, attributes: dict[str, Any], operands: Sequence[Any], env: dict[str, Any]
) -> list[Any]:
    if walk.opset < 9:
        raise Unsupported("a Scan of opset 8")
    body, count = attributes["body"], int(attributes["num_scan_inputs"])
    state, given = list(operands[: len(operands) - count]), list(operands[len(operands) - count :])
    outputs = len(body.output) - len(state)
    in_axes = list(attributes.get("scan_input_axes", [0] * count))
    backwards = list(attributes.get("scan_input_directions", [0] * count))
    out_axes = list(attributes.get("scan_output_axes", [0] * outputs))
    reversed_out = list(attributes.get("scan_output_directions", [0] * outputs))
    scans: list[list[Any]] = [[] for _ in range(outputs)]
    length = given[0].shape[in_axes[0]]
    for at in range(length):
        parts = [
            _picked(walk, x, axis, length - 1 - at if back else at)
            for x, axis, back in zip(given, in_axes, backwards, strict=True)
        ]
        results = walk.body(body, env, [*state, *parts], f"{node.output[0]}[{at}]")
        state = results[: len(state)]
        for scan, x in zip(scans, results[len(state) :], strict=True):
            scan.append(x)
    ordered = [scan[::-1] if back else scan for scan, back in zip(scans, reversed_out, strict=True)]
    return [*state, *(_stacked(walk, s, axis) for s, axis in zip(ordered, out_axes, strict=True))]


def _picked(walk: OnnxWalk, x: Any, axis: int, at: int) -> Any:
    if isinstance(x, np.ndarray):
        return np.take(x, at, axis)
    if isinstance(x, Tensor):
        return select.pick(walk.builder, x, axis, at)
    raise Unsupported("a scan over what could not be compiled")


def _stacked(walk: OnnxWalk, parts: list[Any], axis: int) -> Any:
    if not parts:
        raise Unsupported("a loop of no steps")
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.stack(parts, axis)
    if not all(isinstance(part, (Tensor, np.ndarray)) for part in parts):
        raise Unsupported("a loop over what could not be compiled")
    return join.concatenate(
        walk.builder,
        [shape.unsqueeze(p, axis) if isinstance(p, Tensor) else np.expand_dims(p, axis) for p in parts],
        axis,
    )
