"""A network that comes with scales: the description by which its layers run in int8."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np

from secateur.ir import Graph, Value
from secateur.ir.types import Array
from secateur.passes.cost_model import Core
from secateur.passes.pipeline import QUAD, settle
from secateur.passes.quantize import LayerChoice, Quantization, TensorScale, capable, prepare
from secateur.passes.quantize.dtypes import MOVERS, WEIGHTY
from secateur.passes.quantize.weights import by_scales

Scales = Mapping[str, tuple[float, int]]  # value -> (scale, zero point) of i8 codes


class _Followed(Graph):
    """A graph that remembers what became of its values."""

    tensors: dict[str, tuple[float, int] | None]

    def replace_uses(self, old: Value, new: Value) -> None:
        maker = self.producers().get(old)
        # What does nothing to a value keeps its scale; what was fused into the one before has its own.
        same = maker is not None and maker.kind in ("Unary", "Permute") and not maker.activation
        if not same and maker is not None and maker.kind == "Unary":  # as `prepare` names it
            self.tensors[f"{new.name}.before"] = self.tensors.get(new.name)
        if old.name in self.tensors or not same:
            self.tensors[new.name] = self.tensors.get(old.name)
        super().replace_uses(old, new)


def description(graph: Graph, core: Core, tensors: Scales, rows: Mapping[str, Array]) -> Quantization:
    """The int8 form of an f32 graph by scales that came with it.

    tensors: of values of the graph. rows: layer -> the scale of its weight, or of each row of it; a weight
    that is not made of these (one that a pass has changed) gets scales of its own. What has no scale stays
    in f32.
    """
    plain = copy.deepcopy(graph)
    form = _Followed(plain.name, plain.inputs, plain.outputs, plain.ops, plain.states)
    form.tensors = dict(tensors)
    settle(form, core, QUAD)
    prepare(form)
    q = Quantization(graph.name, "the file's", 0)
    q.tensors = {name: _range(*held) for name, held in form.tensors.items() if held is not None}
    present = {value.name for value in form.values()}
    q.tensors = {name: held for name, held in q.tensors.items() if name in present}
    for op in form.ops:
        largest = op.kind in ("Pool", "GlobalPool") and op.options.kind == "max"
        if (op.kind in MOVERS and op.kind != "Concat") or largest:  # codes are copied
            x = q.tensors.get(op.inputs[0].name)
            if x is not None and op.output.name not in q.tensors:
                q.tensors[op.output.name] = x
        missing = [v.name for v in (*op.inputs, op.output) if v.name not in q.tensors]
        reason = capable(op) or (f"the file has no scale for {missing[0]}" if missing else "")
        if reason or op.kind in WEIGHTY:
            q.layers[op.name] = LayerChoice("f32" if reason else "i8", reason or "scales of the file")
        if not reason and op.kind in WEIGHTY and op.name in rows:
            held = rows[op.name]
            given = np.repeat(held, len(op.options.weight)) if held.size == 1 else held
            if by_scales(op.options.weight, given) is not None:
                q.rows[op.name] = [float(s) for s in given]
    return q


def _range(scale: float, zero: int) -> TensorScale:
    return TensorScale(scale, zero, scale * (-128 - zero), scale * (127 - zero))
