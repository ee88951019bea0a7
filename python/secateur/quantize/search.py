"""What is chosen by measuring the outputs: a method, correction of biases, layers that stay in f32."""

from __future__ import annotations

from collections.abc import Sequence

from secateur.passes.quantize import Quantization
from secateur.quantize.ruler import Ruler


def best_of(made: Sequence[Quantization], ruler: Ruler) -> Quantization:
    """The description whose outputs are nearest those of f32; of equals the first."""
    return min(made, key=ruler.error) if len(made) > 1 else made[0]


def within(budget: float, q: Quantization, ruler: Ruler) -> Quantization:
    """The description with as many layers in f32 as bring its outputs within the budget: those without which
    the error is least, first."""
    if ruler.error(q) <= budget:
        return q
    i8 = [name for name, layer in q.layers.items() if layer.dtype == "i8"]
    ranked = sorted(i8, key=lambda name: ruler.error(q.keep(name)))
    reason = f"within it the outputs would be off by more than {budget:.2%}"
    for count in range(1, len(ranked) + 1):
        kept = q.keep(*ranked[:count], reason=reason)
        if ruler.error(kept) <= budget:
            break
    return kept if ranked else q
