"""Values, operators and the graph that holds them in execution order.

Every value has a type (types.py). Nearly all are f32 *planes*, ``[batch][channels][height][width]``
(docs/architecture.md): tokens are positions and features are channels, so linear layers over tokens are 1x1
convolutions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from secateur.ir.activation import Activation
from secateur.ir.types import Array, Shape, TensorType


@dataclass(frozen=True)
class StorageFormat:
    """How a weight matrix is to be stored: the choice, not the data."""

    kind: str = "dense"  # dense, csr, bsr, nm
    block_rows: int = 1
    block_cols: int = 1
    n: int = 0
    m: int = 0
    tap_major: bool = False  # columns in the file: tap * channels + channel

    def __str__(self) -> str:
        if self.kind == "bsr":
            return f"bsr {self.block_rows}x{self.block_cols}"
        return f"{self.n}:{self.m}" if self.kind == "nm" else self.kind


_numbers = itertools.count()


@dataclass(eq=False)
class Value:
    """One tensor of the graph; made by exactly one operator, or an input."""

    name: str
    type: TensorType
    number: int = field(default_factory=lambda: next(_numbers), repr=False)

    @property
    def shape(self) -> Shape:
        return self.type.shape

    # Of planes:

    @property
    def batch(self) -> int:
        return self.shape[0]

    @property
    def channels(self) -> int:
        return self.shape[1]

    @property
    def height(self) -> int:
        return self.shape[2]

    @property
    def width(self) -> int:
        return self.shape[3]

    @property
    def positions(self) -> int:
        return self.shape[2] * self.shape[3]

    def __str__(self) -> str:
        return f"%{self.name}"


@dataclass(eq=False)
class Op:
    """One operator: ``output = activation(kind(inputs; options))``."""

    kind: str
    name: str
    inputs: list[Value]
    output: Value
    options: Any
    activation: Activation = field(default_factory=Activation)
    source: str = ""
    reason: str = ""
    because: str = ""  # why its dtype, where there was a choice

    def __str__(self) -> str:
        operands = ", ".join(map(str, self.inputs))
        tail = f" -> {self.activation}" if self.activation else ""
        if options := str(self.options):
            operands += f", {options}"
        return f"{self.output}: {self.output.type} = {self.kind}({operands}){tail}  # {self.name}"


@dataclass
class Port:
    """An input or output as the user sees it: ``shape`` in the user's order of dimensions."""

    name: str
    value: Value
    shape: tuple[int, ...]
    order: str = "channels_first"  # or channels_last


@dataclass(eq=False)
class State:
    """What lives from one run to the next: the input `now` holds `first` in the first run, and what the
    output `next` got in the run before from then on."""

    name: str
    now: Port
    next: Port
    first: Array  # in the order of the port's shape


@dataclass
class Graph:
    """Operators in execution order, between input and output ports.

    The ports of `states` are among the inputs and outputs, so that whatever walks a graph sees a function of
    all that it reads; `user_inputs` and `user_outputs` are the others.

    >>> from secateur.ir.options import UnaryOptions
    >>> from secateur.ir.types import planes
    >>> x, y = Value("x", planes(1, 8, 4, 4)), Value("y", planes(1, 8, 4, 4))
    >>> op = Op("Unary", "relu", [x], y, UnaryOptions(), Activation("relu"))
    >>> print(Graph("net", [Port("x", x, x.shape)], [Port("y", y, y.shape)], [op]))
    graph net(%x: 1x8x4x4):
      %y: 1x8x4x4 = Unary(%x) -> relu  # relu
      return %y
    """

    name: str
    inputs: list[Port]
    outputs: list[Port]
    ops: list[Op]
    states: list[State] = field(default_factory=list)
    metadata: dict[str, str | float | list[str] | list[float]] = field(default_factory=dict)

    @property
    def user_inputs(self) -> list[Port]:
        """The inputs that a caller gives."""
        kept = {id(state.now) for state in self.states}
        return [port for port in self.inputs if id(port) not in kept]

    @property
    def user_outputs(self) -> list[Port]:
        """The outputs that a caller gets."""
        kept = {id(state.next) for state in self.states}
        return [port for port in self.outputs if id(port) not in kept]

    def values(self) -> Iterator[Value]:
        """Inputs first, then every result in order."""
        seen: set[Value] = set()
        for value in itertools.chain((p.value for p in self.inputs), (op.output for op in self.ops)):
            if value not in seen:
                seen.add(value)
                yield value

    def producers(self) -> dict[Value, Op]:
        return {op.output: op for op in self.ops}

    def uses(self) -> dict[Value, list[Op]]:
        """Value -> the operators that read it, once per operand. Output ports are not counted here."""
        table: dict[Value, list[Op]] = {value: [] for value in self.values()}
        for op in self.ops:
            for value in op.inputs:
                table[value].append(op)
        return table

    def is_output(self, value: Value) -> bool:
        return any(port.value is value for port in self.outputs)

    def sole_use(self, value: Value, uses: dict[Value, list[Op]]) -> Op | None:
        """The one operator that reads `value`, when there is one and no output port does."""
        readers = uses.get(value, [])
        return readers[0] if len(readers) == 1 and not self.is_output(value) else None

    def replace_uses(self, old: Value, new: Value) -> None:
        """Everything that read `old` reads `new`."""
        for op in self.ops:
            op.inputs = [new if value is old else value for value in op.inputs]
        for port in self.outputs:
            if port.value is old:
                port.value = new

    def remove(self, doomed: Iterable[Op]) -> None:
        gone = set(map(id, doomed))
        self.ops = [op for op in self.ops if id(op) not in gone]

    def __str__(self) -> str:
        def typed(port: Port) -> str:
            return f"{port.value}: {port.value.type}"

        lines = [f"graph {self.name}({', '.join(map(typed, self.inputs))}):"]
        lines += [f"  {op}" for op in self.ops]
        lines.append(f"  return {', '.join(str(p.value) for p in self.outputs)}")
        return "\n".join(lines)
