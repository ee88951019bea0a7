"""A file with int8 or f16 layers, or with weights in fewer bytes, against what it should compute.

Two questions, asked one after the other. Does the file do what its graph says: every int8 operator to the
bit, every other within its rounding, each on the runtime's own inputs, so that no error travels. And
how far is that graph from the network in f32: measured on the examples, beside what calibration led one to
expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur import _core
from secateur.emit import Exposed
from secateur.errors import InvalidArgumentError, MismatchError
from secateur.frontend.common import Oracle
from secateur.ir import DType, Graph, Op
from secateur.ir.quantised import dequantise
from secateur.ir.reference import from_planes, is_exact, run_op
from secateur.passes import Quantization
from secateur.passes.quantize import TensorScale
from secateur.passes.quantize.equalise import equalise_pair
from secateur.verify.bounds import YARDSTICK_FACTOR, agree, bound, tolerance

Values = dict[str, NDArray[Any]]


def verify_stored(
    data: bytes, graph: Graph, plain: Graph, oracle: Oracle, q: Quantization | None = None
) -> str:
    """What was held, in a sentence. `plain`: the graph that computes in f32 with the weights as they were,
    which has been compared with the network. Raises MismatchError naming the layer."""
    examples = oracle.examples()
    if examples is None:
        raise InvalidArgumentError("verification needs example inputs: pass them, or verify=False")
    session = _core.Session(_core.Model(data, limits=_core.NO_LIMITS))
    if q is not None:
        ops = {op.name: op for op in plain.ops}
        for one, other, factors in q.equalised:
            equalise_pair(ops[one], ops[other], np.asarray(factors))
    exposed, before = Exposed(graph), Exposed(plain)
    first = [np.asarray(state.first) for state in graph.states]
    error = ""
    for number, inputs in enumerate((examples, oracle.fresh())):
        values = exposed.run([*inputs, *first])
        check_operators(graph, values)
        session.reset()
        _check_file(graph, [np.asarray(y) for y in session.run(inputs)], values)
        if number == 0:
            error = _distances(graph, plain, values, before.run([*inputs, *first]), q)
    exact = sum(is_exact(op) for op in graph.ops)
    half = sum(op.output.type.halved for op in graph.ops)
    held = f"{exact} int8 operators to the bit, " if exact or not half else ""
    held += f"{half} in f16, " if half else ""
    return f"verify: {held}{len(graph.ops) - exact - half} in f32 within rounding; {error}"


def beside_quantised(data: bytes, oracle: Oracle) -> str:
    """How far the file is from the quantised network that it came from, on the examples; "" where it came in
    f32."""
    inputs = oracle.examples()
    wanted = None if inputs is None else oracle.quantised(inputs)
    if inputs is None or wanted is None:
        return ""
    session = _core.Session(_core.Model(data, limits=_core.NO_LIMITS))
    got = [np.asarray(y) for y in session.run(inputs)]
    errors = (f"{_relative(y, want):.2%}" for y, want in zip(got, wanted, strict=True))
    return f"verify: outputs are {', '.join(errors)} from the quantised network's own (root mean square)"


def check_operators(graph: Graph, values: Values) -> None:
    """Each operator against its definition on the runtime's own inputs. Raises MismatchError."""
    for op in graph.ops:
        operands = [values[v.name].reshape(v.shape) for v in op.inputs]
        got = values[op.output.name].reshape(op.output.shape)
        place = f"layer {op.name}, {op.kind}" + (f" ({op.source})" if op.source else "")
        if is_exact(op):
            if fault := _differs(op, got, run_op(op, operands)):
                raise MismatchError(f"the runtime does not compute int8 as defined: {place}: {fault}")
            continue
        doubles = [x.astype(np.float64) for x in operands]
        wanted = run_op(op, doubles)
        if not agree(got, wanted, bound(op, doubles, wanted)):
            _check_range(op, got, wanted, place)
            raise MismatchError(f"the compiled network differs from its graph first in {place}")


def _check_range(op: Op, got: NDArray[Any], wanted: NDArray[np.float64], place: str) -> None:
    """Raises MismatchError where f16 has no such numbers."""
    if op.output.type.halved and bool((~np.isfinite(got) & np.isfinite(wanted)).any()):
        most = float(np.abs(wanted[np.isfinite(wanted)]).max())
        raise MismatchError(
            f"{place} reaches {most:.3g}, or sums on the way to it do, and float16 ends at 65504: compile in "
            "float32 (weights='float16' keeps the file small)"
        )


def _differs(op: Op, got: NDArray[Any], want: NDArray[Any]) -> str:
    if op.output.type.dtype is DType.F32:
        off = got.view(np.uint32) != want.view(np.uint32)
    else:
        off = got != want
    if not off.any():
        return ""
    at = tuple(int(i[0]) for i in np.nonzero(off))
    return (
        f"{int(off.sum())} of {off.size} elements differ, the first at {at}: {got[at]} instead of {want[at]}"
    )


def _check_file(graph: Graph, got: Sequence[NDArray[Any]], values: Values) -> None:
    """The file, whose tensors share memory, gives what its operators gave one by one."""
    half = any(op.output.type.halved for op in graph.ops)
    for port, y in zip(graph.user_outputs, got, strict=True):
        want = from_planes(values[port.value.name].reshape(port.value.shape), port.shape, port.order)
        # f16 rounds so much that only the same bits say something; f32 may be cut otherwise.
        limit = 0.0 if half else tolerance(graph, want)
        if not agree(y, want, np.full(want.shape, limit)):
            raise MismatchError(
                f"output {port.name} of the file differs from what its operators give one by one: they share "
                "memory that they must not"
            )


def _distances(graph: Graph, plain: Graph, values: Values, exact: Values, q: Quantization | None) -> str:
    """How far the outputs are from f32 on the examples; raises MismatchError for a layer out of line."""
    makers = {op.output.name: op for op in graph.ops}
    outputs = []
    for port, before in zip(graph.user_outputs, plain.user_outputs, strict=True):
        relative = _relative(values[port.value.name], exact[before.value.name])
        expected = (
            "" if q is None or port.name not in q.expected else f", calibration {q.expected[port.name]:.2%}"
        )
        outputs.append(f"{port.name} {relative:.2%} from f32{expected}")
    if q is not None:
        for name in exact:
            op = makers.get(name)
            if op is None or op.name not in q.layers or name not in q.tensors:
                continue
            _check_layer(op, values[name], exact[name], q)
    return "on the examples " + ", ".join(outputs) + " (root mean square)" + _saturated(exact, makers, q)


def _outside(exact: NDArray[Any], t: TensorScale) -> float:
    """The share of a tensor's values that its codes cannot hold, where it is beyond what calibration saw; 0
    else."""
    share = float(((exact < t.least) | (exact > t.most)).mean())
    return share if share > 2 * t.clipped + 0.01 else 0.0


def _saturated(exact: Values, makers: dict[str, Op], q: Quantization | None) -> str:
    """The tensor that saturates most on the examples, in a half-sentence; "" where none does."""
    shares = {} if q is None else {n: _outside(exact[n], t) for n, t in q.tensors.items() if n in exact}
    worst = max(shares, key=lambda name: shares[name], default="")
    if q is None or not worst or not shares[worst]:
        return ""
    held, count = q.tensors[worst], sum(share > 0 for share in shares.values())
    place = f"layer {makers[worst].name!r}" if worst in makers else f"input {worst!r}"
    return (
        f"; {count} of {len(shares)} tensors saturate, most of all {place}: {shares[worst]:.0%} of its "
        f"values lie outside {held.least:.3g} to {held.most:.3g}: calibrate on inputs like the examples"
    )


def _check_layer(op: Op, got: NDArray[Any], exact: NDArray[Any], q: Quantization) -> None:
    """A layer's error against what calibration saw of it, where the examples look like the calibration
    set."""
    t, layer = q.tensors[op.output.name], q.layers[op.name]
    if layer.error <= 0 or t.rms <= 0 or float(np.sqrt((exact**2).mean())) > 2 * t.rms:
        return
    if _outside(exact, t):
        return
    number = dequantise(got, op.output.type) if op.output.type.dtype is DType.I8 else got
    error = float(np.sqrt(((number.reshape(exact.shape) - exact) ** 2).mean()))
    limit = YARDSTICK_FACTOR * max(layer.error, t.error) * t.rms
    if error > limit:
        raise MismatchError(
            f"layer {op.name} is {error:.3g} from f32 (root mean square) where calibration saw "
            f"{layer.error * t.rms:.3g}: calibrate on inputs like these, or keep the layer in f32"
        )


def _relative(got: NDArray[Any], want: NDArray[Any]) -> float:
    power = float((want.astype(np.float64) ** 2).mean())
    error = float(((got.reshape(want.shape).astype(np.float64) - want) ** 2).mean())
    return float(np.sqrt(error / power)) if power > 0 else 0.0
