"""Post-training static quantization: one look at the network's weights and at its tensors on calibration
data."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import InvalidArgumentError
from secateur.ir import Graph, Op
from secateur.ir.quantised import decoded
from secateur.network import open_network
from secateur.passes import QUAD, core_for, settle
from secateur.passes.quantize import (
    LayerChoice,
    Quantization,
    capable,
    chosen,
    prepare,
    quantise_rows,
)
from secateur.passes.quantize.dtypes import WEIGHTY
from secateur.passes.quantize.equalise import equalise as equalise_graph
from secateur.passes.quantize.prepare import useful_range
from secateur.passes.quantize.weights import METHODS as WEIGHT_METHODS
from secateur.quantize.data import batches
from secateur.quantize.observe import METHODS, PERCENTILE, choose
from secateur.quantize.ruler import Ruler
from secateur.quantize.run import Taps, observe
from secateur.quantize.search import best_of, within

if TYPE_CHECKING:
    from secateur.frontend.torch.export import Model

SAMPLES = 128  # batches that calibration looks at
TRIALS = 16  # batches on which results are measured
# MobileNetV2, off by 9%, keeps the class of 98% of images; Tiny Darknet, by 7%, 92% (docs/quantization.md).
BUDGET = 0.1


def calibrated_form(
    model: Model, example_inputs: Any, *, trust: bool = False, states: Mapping[str, str] | None = None
) -> Graph:
    """The network's graph as `secateur.compile` has it when tensors are given their scales."""
    oracle = open_network(model, example_inputs, trust=trust, states=states)
    graph = oracle.lower()
    if oracle.tensor_scales:
        raise InvalidArgumentError(
            f"{oracle.name} came quantised: secateur.compile takes it by its own scales"
        )
    settle(graph, core_for(None), QUAD)
    prepare(graph)
    return graph


def static(
    model: Model,
    calibration: Any,
    *,
    example_inputs: Any = None,
    method: str = "auto",
    percentile: float = PERCENTILE,
    weights: str = "mse",
    samples: int = SAMPLES,
    keep: Sequence[str] = (),
    keep_outputs: bool = True,
    equalise: bool | None = None,
    correct_bias: bool | None = None,
    budget: float | None = BUDGET,
    trials: int = TRIALS,
    trust: bool = False,
    states: Mapping[str, str] | None = None,
) -> Quantization:
    """Calibrates a network for int8: a scale for each tensor, from what the network computes on real inputs.

    model, example_inputs, trust, states: as of `secateur.compile`; calibration is at the shapes of the
    examples.
    calibration: an array or tensor of any number of items, a dictionary of them by input, or an iterable of
    batches, such as a `DataLoader`; what stands after the inputs in a tuple (labels) is left out.
    method: how a tensor's range is chosen: "minmax"; "percentile", which keeps that percentage of the values
    within it; "mse", the range with the least squared error of rounding and clipping; "robust", the same of
    the error to the power 1.5, to which outliers count less; or "auto", whichever of these leaves the
    outputs nearest to those of f32.
    weights: how a row's range is chosen, "max" or "mse". Rows have a scale each; zeros stay zeros.
    samples: the most batches that are looked at.
    keep: names of layers that stay in f32, as `Program.layers` has them, with weights or without; ``*``
    stands for any letters.
    keep_outputs: leave layers whose result is an output in f32: of 256 steps several scores of a classifier
    are the same one (MobileNetV2: 96.7% of images keep their class with an int8 head, 97.5% without).
    equalise: scale channels between layers so that they spread their weights alike; by default where a
    depthwise layer has a neighbour that allows it.
    correct_bias: shift biases by what rounding the weights does to the mean of each channel; by default
    where the outputs are nearer to f32 with it.
    budget: the most that the outputs may be off, relative root mean square (0.05: 5%). Layers stay in f32,
    the most harmful first, until they are within it; None: however much.
    trials: batches on which outputs are measured, int8 beside f32, by the runtime; 0: none, so that a method
    has to be named and no budget holds.

    Raises InvalidArgumentError, ShapeError, DTypeError for a calibration set that is empty, constant, not
    finite, or of another shape, and what `secateur.compile` raises for the network.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    >>> q = static(net, torch.randn(16, 8), example_inputs=torch.ones(1, 8))
    >>> [(name, layer.dtype) for name, layer in q.layers.items()], q.tensors["0"].zero_point
    ([('0', 'i8'), ('2', 'f32')], -128)
    """
    _check(method, weights, budget, trials)
    plain = calibrated_form(model, example_inputs, trust=trust, states=states)
    found = batches(calibration, plain.user_inputs, samples)
    graph = copy.deepcopy(plain)
    wanted = equalise if equalise is not None else any(op.kind == "Depthwise" for op in graph.ops)
    equalised = equalise_graph(graph) if wanted else []
    taps = Taps(graph)
    extents, histograms = observe(graph, taps, found)
    values = {value.name: value for value in graph.values()}
    layers, others = layer_choices(graph, keep, keep_outputs)
    correction = {
        op.name: _correction(op, weights, extents[op.inputs[0].name].mean)
        for op in graph.ops
        if op.kind in WEIGHTY and layers[op.name].dtype == "i8" and correct_bias is not False
    }

    def by(method: str) -> Quantization:
        tensors = {
            name: choose(histogram, method, percentile, useful_range(graph, values[name]))
            for name, histogram in histograms.items()
        }
        q = Quantization(graph.name, method, len(found), weights, tensors, layers, others=others)
        return replace(q, bias=correction, equalised=equalised)

    if trials == 0:
        return by(method)
    ruler = Ruler(plain, found[:trials])
    made = [by(each) for each in (METHODS if method == "auto" else (method,))]
    q = best_of(made, ruler)
    if correct_bias is None:
        q = best_of([q, replace(q, bias={})], ruler)
    if budget is not None:
        q = within(budget, q, ruler)
    errors = ruler.of_layers(q, taps)
    q.layers = {name: replace(layer, error=errors[name]) for name, layer in q.layers.items()}
    q.expected = ruler.errors(q)
    return q


def _check(method: str, weights: str, budget: float | None, trials: int) -> None:
    if method not in ("auto", *METHODS):
        raise InvalidArgumentError(f"method is {method!r}; known: auto, {', '.join(METHODS)}")
    if weights not in WEIGHT_METHODS:
        raise InvalidArgumentError(f"weights is {weights!r}; known: {', '.join(WEIGHT_METHODS)}")
    if budget is not None and not 0 <= budget < math.inf:
        raise InvalidArgumentError(f"budget is {budget}; it is a share of the outputs, such as 0.05")
    if trials < 0:
        raise InvalidArgumentError(f"trials is {trials}; it is a number of batches")
    if trials == 0 and method == "auto":
        raise InvalidArgumentError("without trials no method is the best: name one, or set trials")


def layer_choices(
    graph: Graph, keep: Sequence[str], keep_outputs: bool
) -> tuple[dict[str, LayerChoice], list[str]]:
    """Of the layers with weights, and of others that are kept, the dtype; the names of those without."""
    if isinstance(keep, str):
        raise InvalidArgumentError(f"keep is a sequence of names, not the text {keep!r}")
    weighty = [op.name for op in graph.ops if op.kind in WEIGHTY]
    others = [op.name for op in graph.ops if op.kind not in WEIGHTY]
    kept = set(chosen([*weighty, *others], keep))
    layers = {}
    for op in graph.ops:
        if op.name in kept:
            layers[op.name] = LayerChoice("f32", "named by the caller")
        elif op.kind not in WEIGHTY:
            continue
        elif keep_outputs and _makes_output(graph, op):
            layers[op.name] = LayerChoice("f32", "it makes an output")
        else:
            reason = capable(op)
            layers[op.name] = LayerChoice("f32" if reason else "i8", reason or "calibrated")
    return layers, others


def _makes_output(graph: Graph, op: Op) -> bool:
    """Whether its result is an output, as it is or through an activation or a softmax."""
    uses = graph.uses()
    value = op.output
    while not graph.is_output(value):
        reader = graph.sole_use(value, uses)
        if reader is None or reader.kind not in ("Unary", "Softmax"):
            return False
        value = reader.output
    return True


def _correction(op: Op, method: str, mean: NDArray[np.float64]) -> list[float]:
    """What rounding the weights takes from the mean of each output channel."""
    weight = op.options.weight
    codes, scales = quantise_rows(weight, method)
    lost = weight.astype(np.float64) - decoded(codes, scales)
    if op.kind == "Depthwise":
        return [float(x) for x in lost.reshape(len(lost), -1).sum(axis=1) * mean]
    o = op.options
    taps = o.kernel_h * o.kernel_w
    grouped = lost.reshape(o.groups, len(lost) // o.groups, -1, taps).sum(axis=3)
    shift = np.einsum("grc,gc->gr", grouped, mean.reshape(o.groups, -1))
    return [float(x) for x in shift.reshape(-1)]
