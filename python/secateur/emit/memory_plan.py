"""Places every tensor in one arena: tensors that are not needed at the same time share memory.

Greedy by size: the largest tensor first, each at the lowest offset where no tensor that lives at the same
time lies (Pisarchyk and Lee, 2020). Elementwise operators may write over an input that nobody reads again,
and convolutions over what they add: in a ResNet that spares the cache one of three large tensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from secateur import _core
from secateur.errors import ShapeError
from secateur.ir import OPERATORS, DType, Graph, Layout, Value
from secateur.ir.shapes import same_planes

ALIGNMENT = 64  # bytes: a cache line
MAX_FLOATS = 2**40  # of a tensor, as the runtime's verifier has it


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in bytes by value; `peak` is the arena, `total` what it would be without sharing.

    The values of `states` lie in a memory of their own, of `state` bytes.
    """

    offsets: dict[Value, int]
    peak: int
    total: int
    state: int = 0


def strides(value: Value) -> tuple[int, int]:
    """(plane_stride, batch_stride) in elements, as the runtime lays planes out; of rows 1 and all.

    Four channels of planes4 lie like one of f32.
    """
    if value.type.layout is Layout.ROW_MAJOR:
        return 1, value.type.size
    batch, channels, height, width = value.shape
    pack = 4 if value.type.layout is Layout.PLANES4 else 1
    element = 2 if value.type.dtype is DType.F16 else 4
    plane, whole = _core.plane_strides(batch, -(-channels // pack), height, width, element)
    return pack * int(plane), pack * int(whole)


def size_of(value: Value) -> int:
    """Bytes of a value, rounded up to the alignment. Raises ShapeError for more than a file may say."""
    if math.prod(value.shape) > MAX_FLOATS // 2:  # half: padding can all but double a plane
        shape = "x".join(map(str, value.shape))
        raise ShapeError(f"'{value.name}' of shape {shape} is too large: a tensor has at most 2^39 elements")
    batch = 1 if value.type.layout is Layout.ROW_MAJOR else value.batch
    raw = value.type.dtype.numpy.itemsize * batch * strides(value)[1]
    return -(-raw // ALIGNMENT) * ALIGNMENT


def _lifetimes(graph: Graph) -> dict[Value, tuple[int, int]]:
    """value -> (operator that makes it, last operator that reads it); inputs are made at -1."""
    lives = {port.value: (-1, -1) for port in graph.inputs}
    for i, op in enumerate(graph.ops):
        for value in op.inputs:
            lives[value] = (lives[value][0], i)
        lives[op.output] = (i, i)
    for port in graph.outputs:
        lives[port.value] = (lives[port.value][0], len(graph.ops))
    for port in graph.inputs:  # copied in by the caller, read or not
        if lives[port.value] == (-1, -1):
            lives[port.value] = (-1, len(graph.ops))
    return lives


def _aliases(graph: Graph, lives: dict[Value, tuple[int, int]]) -> dict[Value, Value]:
    """output -> the input whose memory it takes (the root of a chain of such)."""
    roots: dict[Value, Value] = {}
    kept = {state.now.value for state in graph.states}
    for i, op in enumerate(graph.ops):
        place = OPERATORS[op.kind].in_place
        if place is None or place >= len(op.inputs):
            continue
        x = op.inputs[place]
        if place > 0 and x in op.inputs[:place]:  # also read elsewhere than where it is written
            continue
        if x in kept:  # not the arena's
            continue
        if op.kind == "Conv" and x.type.layout is Layout.PLANES4:  # its tiles are not f32's
            continue
        if op.kind == "Conv" and x.type.halved:  # added after y was written
            continue
        if lives[x][1] == i and _same_room(x, op.output):
            roots[op.output] = roots.get(x, x)
    return roots


def _same_room(x: Value, y: Value) -> bool:
    """The same elements at the same places."""
    if (x.type.dtype, x.type.layout) != (y.type.dtype, y.type.layout):
        return False
    return x.type.size == y.type.size if x.type.layout is Layout.ROW_MAJOR else same_planes(x.shape, y.shape)


def plan_memory(graph: Graph, *, share: bool = True) -> MemoryPlan:
    """Offsets for every value of the graph. `share=False` gives each its own, for debugging."""
    lives = _lifetimes(graph)
    roots = _aliases(graph, lives) if share else {}
    kept = [state.now.value for state in graph.states]
    spans: dict[Value, tuple[int, int]] = {}
    for value, (begin, end) in lives.items():
        root = roots.get(value, value)
        old = spans.get(root, (begin, end))
        spans[root] = (min(old[0], begin), max(old[1], end)) if share else (-1, len(graph.ops))
    for value in kept:
        del spans[value], lives[value]
    sizes = {value: size_of(value) for value in spans}
    placed: list[tuple[int, Value]] = []
    offsets: dict[Value, int] = {}
    for value in sorted(spans, key=lambda v: (-sizes[v], spans[v], v.number)):
        begin, end = spans[value]
        at = 0
        for offset, other in placed:  # by offset
            if spans[other][0] > end or spans[other][1] < begin:
                continue
            if offset - at >= sizes[value]:
                break
            at = max(at, offset + sizes[other])
        offsets[value] = at
        placed.append((at, value))
        placed.sort(key=lambda item: item[0])
    for value, root in roots.items():
        offsets[value] = offsets[root]
    peak = max((offsets[v] + sizes[v] for v in spans), default=0)
    state = 0
    for value in kept:
        offsets[value] = state
        state += size_of(value)
    return MemoryPlan(offsets, peak, sum(size_of(value) for value in lives), state)
