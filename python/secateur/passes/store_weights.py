"""Weights in fewer bytes, computed with in f32: i8 with a scale for each row, or f16.

The runtime decodes them when it opens the file, so a layer is as fast as before and its arithmetic is f32.
"""

from __future__ import annotations

import numpy as np

from secateur.errors import InvalidArgumentError, WeightError
from secateur.ir import Graph
from secateur.ir.quantised import decoded
from secateur.passes.base import UNCHANGED, Outcome, Pass, count
from secateur.passes.cost_model import Core
from secateur.passes.quantize.dtypes import WEIGHTY
from secateur.passes.quantize.weights import quantise_rows

DTYPES = ("float32", "float16", "int8")


def store(graph: Graph, dtype: str) -> Outcome:
    """Every f32 weight of the graph in that dtype, in place; what it saves and what it costs."""
    before = after = layers = 0
    error = power = 0.0
    for op in graph.ops:
        if op.kind not in (*WEIGHTY, "Recurrent"):
            continue
        o = op.options
        if o.weight.dtype != np.float32 or not o.weight.size:
            continue
        exact = o.weight.astype(np.float64)
        if dtype == "int8":
            o.weight, o.scales = quantise_rows(o.weight, "mse")
        else:
            with np.errstate(over="ignore"):
                half = o.weight.astype(np.float16)
            if not bool(np.isfinite(half).all()):
                raise WeightError(
                    f"a weight of {op.name!r} is {np.abs(exact).max():.3g}, beyond the 65504 of float16: "
                    'store weights as "int8" or "float32"'
                )
            o.weight = half
        layers += 1
        before += 4 * exact.size
        after += o.weight.nbytes + (o.scales.nbytes if o.scales is not None else 0)
        error += float(((decoded(o.weight, o.scales) - exact) ** 2).sum())
        power += float((exact**2).sum())
    if not layers:
        return UNCHANGED
    relative = np.sqrt(error / power) if power else 0.0
    return Outcome(
        True,
        f"the weights of {count(layers, 'layer')} as {dtype}, {after} bytes dense instead of {before}; "
        f"{relative:.2%} from what they were (root mean square)",
    )


def storing(dtype: str) -> Pass:
    """The pass for one of `DTYPES` but float32. Raises InvalidArgumentError for another."""
    if dtype not in DTYPES:
        raise InvalidArgumentError(f"weights are stored as {', '.join(DTYPES)}, not {dtype!r}")

    def run(graph: Graph, _: Core) -> Outcome:
        return UNCHANGED if dtype == "float32" else store(graph, dtype)

    return Pass("store_weights", run, ensures=f"no weight takes more than {dtype}")
