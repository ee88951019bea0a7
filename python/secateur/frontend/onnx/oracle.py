"""What an ONNX network should compute: by onnxruntime where it is installed, else by the package's NumPy
definitions; node by node and in float64 by those."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from secateur.errors import InvalidArgumentError
from secateur.frontend.common import Arrays, refuse_empty, same
from secateur.frontend.onnx.model import Input, Source, operator_of, place_of
from secateur.frontend.onnx.walk import best_walk
from secateur.ir import DType, Graph
from secateur.ir.reference import run_graph
from secateur.lowering.axes import Tensor, to_logical


class OnnxOracle:
    """What verification asks of an ONNX network (`secateur.frontend.common.Oracle`)."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = source.name
        self.notes: Sequence[str] = source.notes
        self.states: Sequence[str] = [state.now.name for state in source.states]
        self.tensor_scales: Mapping[str, tuple[float, int]] = {}
        self.row_scales: Mapping[str, NDArray[np.float32]] = {}
        self._graph: Graph | None = None
        self._session: Any = None

    def examples(self) -> Arrays:
        """Those given, else standard normal ones, and numbers below the size of the table that reads them."""
        if self._source.examples is not None:
            return self._source.examples
        generator = np.random.default_rng(0)
        return [self._drawn(held, generator) for held in self._source.inputs]

    def fresh(self, seed: int = 0) -> Arrays:
        """The examples' values in another order, floats scaled by 3/4; of equal ones others around them."""
        generator = np.random.default_rng(1 + seed)
        return [_fresh(x, generator) for x in self.examples()]

    def lower(self, *, allow_empty: bool = False) -> Graph:
        walk, self._graph = best_walk(self._source)
        if not allow_empty:
            refuse_empty(walk)
        found = {walk.env.get(name): held for name, held in self._source.stored.tensors.items()}
        self.tensor_scales = {
            x.value.name: (held.scale, held.zero_point) for x, held in found.items() if isinstance(x, Tensor)
        }
        self.row_scales = dict(walk.row_scales)
        return self._graph

    def itself(self, inputs: Arrays, runs: int = 1) -> Arrays | None:
        kept: Arrays = [state.first for state in self._source.states]
        names = [*self._source.outputs, *(state.next for state in self._source.states)]
        for _ in range(runs):
            found = self._run(self._feeds(inputs, kept), names)
            outputs, kept = found[: len(self._source.outputs)], found[len(self._source.outputs) :]
        return outputs

    def exported(self, inputs: Arrays) -> Arrays:
        outputs = self.itself(inputs)
        assert outputs is not None
        return outputs

    def quantised(self, inputs: Arrays) -> Arrays | None:
        model = self._source.quantised
        if model is None:
            return None
        try:
            return self._on(_session(model), self._feeds(inputs, self._first()), self._source.outputs)
        except InvalidArgumentError:  # the package has no definition of these operators before opset 19
            return None

    def exact(self, inputs: Arrays) -> Arrays | None:
        """By the definitions, every float widened."""
        feeds = {name: _widened(x) for name, x in self._feeds(inputs, self._first()).items()}
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found = ReferenceEvaluator(_in_double(self._source.model)).run(self._source.outputs, feeds)
        except Exception:  # a definition that insists on float32
            return None
        return [_held(x) for x in found]

    def untrue(self, distance: float) -> str:
        return f"{self.name} does not give the same result twice: its outputs differ by {distance:.3g}"

    def first_mistranslated(self, inputs: Arrays) -> str | None:
        results = self._nodes(self._feeds(inputs, self._first()))
        walk, graph = best_walk(self._source)
        read = [*inputs, *(state.first for state in graph.states)]
        _, values = run_graph(graph, [_widened(x) for x in read])
        for node in self._source.graph.node:
            for name in node.output:
                lowered, want = walk.env.get(name), results.get(name)
                if not isinstance(lowered, Tensor) or not isinstance(want, np.ndarray):
                    continue
                if not same(to_logical(values[lowered.value.name], lowered), _held(want)):
                    return f"{place_of(node)}, {operator_of(node)}"
        return None

    # --- runs ---------------------------------------------------------------------------------------------

    def _first(self) -> Arrays:
        return [state.first for state in self._source.states]

    def _feeds(self, inputs: Arrays, kept: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        feeds = {held.name: x for held, x in zip(self._source.inputs, inputs, strict=True)}
        feeds |= {state.now.name: x for state, x in zip(self._source.states, kept, strict=True)}
        ports = {value.name for value in self._source.graph.input}
        weights = {tensor.name for tensor in self._source.graph.initializer}
        fixed = {n: x for n, x in self._source.constants.items() if n in ports and n not in weights}
        return feeds | fixed

    def _run(self, feeds: dict[str, NDArray[Any]], names: list[str]) -> Arrays:
        if self._session is None:
            self._session = _session(self._source.model)
        return self._on(self._session, feeds, names)

    def _on(self, session: Any, feeds: dict[str, NDArray[Any]], names: list[str]) -> Arrays:
        own = isinstance(session, ReferenceEvaluator)
        loops = {node.op_type for node in self._source.graph.node} & {"Loop", "Scan"}
        if own and loops:  # their definition joins what it should stack
            raise self._incomparable(f"onnx.reference does not run {loops.pop()} as it is defined")
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                return [_held(x) for x in session.run(names, feeds)]
        except Exception as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise self._incomparable(f"{'onnx.reference' if own else 'onnxruntime'}: {first}") from None

    def _incomparable(self, why: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"nothing here runs {self.name} to compare with ({why}); install onnxruntime, or pass "
            "verify=False"
        )

    def _nodes(self, feeds: dict[str, NDArray[Any]]) -> dict[str, Any]:
        """What every node gives."""
        model = ModelProto()
        model.CopyFrom(self._source.model)
        names = [name for node in model.graph.node for name in node.output if name in self._source.live]
        known = {value.name for value in model.graph.output}
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = ReferenceEvaluator(model).run(names, feeds)
        return dict(zip(names, found, strict=True))

    def _drawn(self, held: Input, generator: np.random.Generator) -> NDArray[Any]:
        if held.dtype is DType.F32:
            return generator.standard_normal(held.shape, np.float32)
        if held.dtype is DType.BOOL:
            return generator.random(held.shape) < 0.75
        rows = [2]
        for op in self._graph.ops if self._graph is not None else []:
            if op.kind == "Embedding" and op.inputs[0].name.split("#")[0] == held.name:
                rows.append(2 if op.options.rows is None else len(op.options.rows))
        most = min(rows[1:], default=2)
        return generator.integers(0, most, held.shape).astype(held.dtype.numpy)


def _session(model: ModelProto) -> Any:
    """A session of onnxruntime, as the file says and not as it optimises; else the package's definitions."""
    try:
        import onnxruntime
    except ImportError:
        return ReferenceEvaluator(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # an operator that it has not, or a file beyond what it reads from memory
        return ReferenceEvaluator(model)


def _held(x: Any) -> NDArray[Any]:
    """An output as the compiled network gives it: whole numbers and truth values are float32."""
    array = np.asarray(x)
    return array.astype(np.float32) if array.dtype.kind in "iub" else array


def _widened(x: NDArray[Any]) -> NDArray[Any]:
    return x.astype(np.float64) if x.dtype == np.float32 else x


def _in_double(model: ModelProto) -> ModelProto:
    """The network with its float32 constants, casts and inputs in float64."""
    double = ModelProto()
    double.CopyFrom(model)
    _widen(double.graph)
    return double


def _widen(graph: onnx.GraphProto) -> None:
    def wide(tensor: TensorProto) -> None:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(
                numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name)
            )

    for tensor in graph.initializer:
        wide(tensor)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _widen(attribute.g)
            elif attribute.HasField("t"):
                wide(attribute.t)
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE


def _fresh(x: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    values = x.reshape(-1)
    picked = values[generator.integers(0, values.size, values.size)].reshape(x.shape)
    if x.dtype != np.float32:
        return picked
    if (values != values[0]).any():
        return np.asarray(picked * np.float32(0.75))
    if values[0] == 0:
        return generator.standard_normal(x.shape, np.float32)
    return np.asarray(picked * (np.float32(0.5) + generator.random(x.shape, np.float32)))
