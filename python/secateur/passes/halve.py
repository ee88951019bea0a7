"""Half precision: tensors between operators, and what computes with them, in f16.

Where the CPU has arithmetic on f16 (Cortex-A76 and later) a vector holds twice as many numbers; elsewhere the
same file runs in f32 and rounds what each operator makes to f16 (docs/numerics.md). No calibration: f16 has a
range of 65504 and 11 bits.
"""

from __future__ import annotations

from secateur.errors import InvalidArgumentError
from secateur.ir import Graph, Layout, Op, planes
from secateur.ir.types import halves
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.conversions import Conversions
from secateur.passes.cost_model import Core
from secateur.passes.quantize.dtypes import WEIGHTY

DTYPES = ("float32", "float16")


def check_dtype(dtype: str, *, quantized: bool = False, weights: str | None = None) -> None:
    """Raises InvalidArgumentError for a dtype that layers cannot compute with, or not beside the others.

    >>> check_dtype("float16", weights="int8")
    Traceback (most recent call last):
    ...
    secateur.errors.InvalidArgumentError: in float16 layers have float16 weights, not int8: leave out weights
    """
    if dtype not in DTYPES:
        raise InvalidArgumentError(
            f"layers compute in {' or '.join(DTYPES)}, not {dtype!r}; int8 needs a description (quantize)"
        )
    if dtype == "float16" and quantized:
        raise InvalidArgumentError(
            "a description (quantize) puts layers in int8 and the rest in float32: leave out dtype, or it"
        )
    if dtype == "float16" and weights not in (None, "float16"):
        raise InvalidArgumentError(
            f"in float16 layers have float16 weights, not {weights}: leave out weights"
        )


def obstacle(op: Op) -> str:
    """Why an operator cannot run in f16; "" where it can."""
    for value in (*op.inputs, op.output):
        if value.type.layout is not Layout.PLANES:
            return f"{op.kind} of row-major tensors has no f16 form"
    return "" if op.inputs else f"{op.kind} reads nothing"


def choose(graph: Graph) -> dict[str, tuple[bool, str]]:
    """Operator -> (whether in f16, why). Layers with weights where they can; the others follow what they
    read, so that nothing is converted only for them."""
    chosen: dict[str, tuple[bool, str]] = {}
    producers = graph.producers()
    for op in graph.ops:
        makers = [producers.get(value) for value in op.inputs]
        if reason := obstacle(op):
            chosen[op.name] = False, reason
        elif op.kind in WEIGHTY:
            chosen[op.name] = True, "asked for"
        elif any(maker is not None and chosen[maker.name][0] for maker in makers):
            chosen[op.name] = True, "follows what it reads"
        else:
            chosen[op.name] = False, "what it reads is f32"
    return chosen


def halve(graph: Graph, core: Core) -> Outcome:
    """Types and conversions of f16, in place. Weights are stored by their own pass."""
    chosen = choose(graph)
    if not any(half for half, _ in chosen.values()):
        return UNCHANGED
    conversions = Conversions(graph)
    layers = halved = 0
    islands = []
    for op in graph.ops:
        half, reason = chosen[op.name]
        op.because = f"{'f16' if half else 'f32'}: {reason}"
        layers += op.kind in WEIGHTY
        halved += half and op.kind in WEIGHTY
        if half:
            op.inputs = [conversions.of(value, halves(value.shape)) for value in op.inputs]
            op.output.type = halves(op.output.shape)
        else:
            op.inputs = [conversions.of(v, planes(*v.shape)) if v.type.halved else v for v in op.inputs]
            if obstacle(op):
                islands.append(f"{op.name}: {reason}")
        conversions.ops.append(op)
    conversions.finish()
    said = f"{halved} of {count(layers, 'layer')} in f16; conversions: {conversions.said()}"
    if islands:
        more = f"; and {len(islands) - 3} more" if len(islands) > 3 else ""
        said += f"; in f32: {'; '.join(islands[:3])}{more}"
    if not core.halves:
        said += (
            f"; {core.name} has no arithmetic on f16: there each operator computes in f32 between "
            "conversions (weights='float16' alone makes the file as small)"
        )
    return Outcome(True, said)


HALVE = Pass("halve", halve, ensures="what is read is of the dtype that its reader takes")
