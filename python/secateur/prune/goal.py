"""What a pruned network may take, in a word: "flops=0.5", "params=3M", "ms=12"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from secateur.errors import PruningError

KINDS = {"params": "parameters", "flops": "flops", "bytes": "bytes", "ms": "milliseconds"}
_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "x": 1.0}
_FORM = re.compile(r"\s*(\w+)\s*=\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([kmgx]?)\s*", re.I)


@dataclass(frozen=True)
class Goal:
    """At most `value` of a `kind`; with `share`, times what the dense network takes.

    kind: "parameters", "flops", "bytes" or "milliseconds".

    >>> Goal.parse("params=3M")
    Goal(kind='parameters', value=3000000.0, share=False)
    >>> Goal.parse("flops=0.5"), str(Goal.parse("ms=0.5x"))
    (Goal(kind='flops', value=0.5, share=True), 'ms=0.5x')
    """

    kind: str
    value: float
    share: bool

    @classmethod
    def parse(cls, text: object, field: str = "budget") -> Goal:
        """From KIND=NUMBER: a share of the dense network up to 1 (but for ms) or before an x, else an amount,
        with k, M or G for thousands, millions and thousands of millions. Raises PruningError naming `field`.
        """
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if found is None or found[1].lower() not in KINDS:
            raise PruningError(
                f"{field}: expected {', '.join(KINDS)} = a number, such as flops=0.5 (half of the dense "
                f"network's), params=3M, bytes=500k or ms=12; got {text!r}"
            )
        word, scale = found[1].lower(), found[3].lower()
        value = float(found[2]) * _SCALES[scale]
        share = scale == "x" or (scale == "" and word != "ms" and value <= 1)
        if not (math.isfinite(value) and value > 0) or (share and value > 1):
            raise PruningError(f"{field}: {text!r} is not above 0, or more than the dense network takes")
        return cls(KINDS[word], value, share)

    def limit(self, dense: float) -> float:
        """The most that may be taken, where the dense network takes `dense`."""
        return self.value * dense if self.share else self.value

    def word(self, amount: float, dense: float) -> str:
        """`amount` written as such a goal, rounded up.

        >>> Goal.parse("flops=0.01").word(123.0, 1000.0)
        'flops=0.123x'
        """
        name = next(short for short, kind in KINDS.items() if kind == self.kind)
        if self.share:
            return f"{name}={math.ceil(amount / dense * 1e4 - 1e-6) / 1e4:g}x"
        return f"{name}={amount:.4g}" if amount < 100 else f"{name}={math.ceil(amount)}"

    def __str__(self) -> str:
        name = next(short for short, kind in KINDS.items() if kind == self.kind)
        return f"{name}={self.value:g}{'x' if self.share else ''}"
