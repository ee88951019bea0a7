"""Where channels come from: an id per channel, joined where two must live and die together.

A tensor's `Lineage` says which axis holds channels and which id stands at each index; flattening
[C][H][W] repeats each id H*W times. A `Port` is one side of a module (its outputs, its inputs, or a
per-channel vector) with the id at each index. Ids are *pinned*, with a reason, when the channel cannot go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Lineage:
    """Channel ids along one axis of a tensor."""

    axis: int
    ids: Ids


@dataclass(frozen=True)
class Split:
    """Where a forward splits channels into `count` heads, `width` channels in all; one id a head.

    module: whose forward it is, and whose own numbers say how many.
    """

    module: str
    count: int
    width: int
    ids: Ids


@dataclass
class Port:
    """One side of a module, and the id at each index.

    kind: "out", "in", "vector" (of a normalisation, PReLU), "hidden" (the units of a recurrent module),
    "packed" (the width of nn.MultiheadAttention), or "tensor key axis" (a parameter that is none of these,
    such as a token or a table of positions).
    """

    module: str
    kind: str
    ids: Ids


@dataclass
class ChannelMap:
    """All channels of a network: a union-find over ids, and the ports they pass through."""

    parents: list[int] = field(default_factory=list)
    pinned: dict[int, str] = field(default_factory=dict)
    ports: dict[tuple[str, str], Port] = field(default_factory=dict)
    splits: list[Split] = field(default_factory=list)

    def fresh(self, count: int) -> Ids:
        """New ids, of no relation to any other."""
        start = len(self.parents)
        self.parents.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def find(self, index: int) -> int:
        """The id that stands for all ids joined with `index`."""
        root = index
        while self.parents[root] != root:
            root = self.parents[root]
        while self.parents[index] != root:
            self.parents[index], index = root, self.parents[index]
        return root

    def roots(self, ids: Ids) -> Ids:
        """`find` of every id."""
        return np.fromiter((self.find(int(i)) for i in ids), dtype=np.int64, count=len(ids))

    def join(self, left: Ids, right: Ids) -> None:
        """Join the ids at equal positions; the arrays are of one length."""
        for a, b in zip(left, right, strict=True):
            first, second = sorted((self.find(int(a)), self.find(int(b))))
            self.parents[second] = first

    def pin(self, ids: Iterable[int], reason: str) -> None:
        """Keep these channels for good; the first reason given stays."""
        for index in ids:
            self.pinned.setdefault(int(index), reason)

    def port(self, module: str, kind: str, ids: Ids) -> Ids:
        """Record that `ids` pass `module` at its side `kind`; joins them when it is used again."""
        key = (module, kind)
        if key in self.ports:
            self.join(self.ports[key].ids, ids)
        else:
            self.ports[key] = Port(module, kind, ids)
        return self.ports[key].ids
