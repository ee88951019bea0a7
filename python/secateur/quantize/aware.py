"""Quantization-aware fine-tuning: a training loop feels the rounding of int8 (Jacob et al., 2018).

Inputs and weights of layers are rounded as int8 will round them; gradients pass through as if they were not
(straight-through, Bengio et al., 2013), but for inputs beyond their range. Weights have a scale for each
output channel, so that it does not matter whether a batch normalisation is folded into them before or after.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from secateur.errors import InvalidArgumentError
from secateur.ir import Graph, Op
from secateur.passes.quantize import Quantization, TensorScale
from secateur.passes.quantize.dtypes import MOVERS, WEIGHTY, choose_dtypes
from secateur.quantize.data import batches
from secateur.quantize.observe import scale_of
from secateur.quantize.ruler import Ruler
from secateur.quantize.run import Taps
from secateur.quantize.static import TRIALS, calibrated_form, layer_choices, static

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d)


@dataclass
class _Rounded:
    """A layer whose forward rounds; its range of inputs, and whether its weight is rounded, too."""

    module: nn.Module
    momentum: float
    weight: bool
    least: float = math.nan
    most: float = math.nan

    def forward(self, x: Tensor) -> Tensor:
        if self.module.training or math.isnan(self.least):
            self._see(x.detach())
        scale, zero = scale_of(self.least, self.most)
        x = torch.fake_quantize_per_tensor_affine(x, scale, zero, -128, 127)
        module: Any = self.module
        weight = rounded_rows(module.weight) if self.weight else module.weight
        if isinstance(module, nn.Linear):
            return nn.functional.linear(x, weight, module.bias)
        y: Tensor = module._conv_forward(x, weight, module.bias)
        return y

    def _see(self, x: Tensor) -> None:
        least, most = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
        if not (math.isfinite(least) and math.isfinite(most)):
            raise InvalidArgumentError("an input of a rounded layer is NaN or infinite: it has no range")
        if math.isnan(self.least):
            self.least, self.most = least, most
            return
        self.least += self.momentum * (least - self.least)
        self.most += self.momentum * (most - self.most)


def rounded_rows(weight: Tensor) -> Tensor:
    """The weight as int8 holds it, a scale for each row; gradients pass through, and zeros stay zeros.

    >>> rounded_rows(torch.tensor([[127.0, 0.0, -3.4]])).tolist()
    [[127.0, 0.0, -3.0]]
    """
    most = weight.detach().abs().reshape(len(weight), -1).amax(dim=1)
    scales = torch.where(most > 0, most / 127, torch.ones_like(most))
    zeros = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -127, 127)


class Aware:
    """What `aware` returns: the layers that round, until `finish`."""

    def __init__(
        self,
        model: nn.Module,
        rounded: dict[str, _Rounded],
        example_inputs: Any,
        keep: Sequence[str],
        keep_outputs: bool,
    ) -> None:
        self.model = model
        self._rounded = rounded
        self._example, self._keep, self._keep_outputs = example_inputs, keep, keep_outputs
        for layer in rounded.values():
            layer.module.forward = layer.forward

    @property
    def layers(self) -> list[str]:
        """The layers whose weights and inputs are rounded."""
        return [name for name, layer in self._rounded.items() if layer.weight]

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The range of each layer's input, so far; of those that have seen any."""
        seen = self._rounded.items()
        return {name: (layer.least, layer.most) for name, layer in seen if not math.isnan(layer.least)}

    def remove(self) -> None:
        """The network as it was, with the weights that it has now. Harmless to repeat."""
        for layer in self._rounded.values():
            layer.module.__dict__.pop("forward", None)

    def finish(self, calibration: Any) -> Quantization:
        """Removes the rounding; the description of int8 by the ranges that training ended with.

        calibration: as of `static`; its minmax is the range of tensors that no rounded layer reads (sums,
        what stands before an activation that is a table).

        Raises InvalidArgumentError where no input was seen, and what `static` raises.
        """
        ranges = self.ranges
        if not ranges:
            raise InvalidArgumentError("no range was seen: run the network on some batches before finish()")
        self.remove()
        calibration = calibration if hasattr(calibration, "__len__") else list(calibration)
        q = static(
            self.model,
            calibration,
            example_inputs=self._example,
            method="minmax",
            weights="max",
            keep=self._keep,
            keep_outputs=self._keep_outputs,
            equalise=False,
            correct_bias=False,
            trials=0,
        )
        plain = calibrated_form(self.model, self._example)
        tensors = dict(q.tensors)
        for op in plain.ops:
            if op.name in ranges:
                least, most = ranges[op.name]
                scale, zero = scale_of(least, most)
                for name in _same(plain, op):
                    tensors[name] = TensorScale(scale, zero, least, most, rms=tensors[name].rms)
        q = replace(q, method="aware", tensors=tensors)
        ruler = Ruler(plain, batches(calibration, plain.user_inputs, TRIALS))
        errors = ruler.of_layers(q, Taps(plain))
        q.layers = {name: replace(layer, error=errors[name]) for name, layer in q.layers.items()}
        q.expected = ruler.errors(q)
        return q


def _same(graph: Graph, op: Op) -> list[str]:
    """The tensor that a layer reads, and those of which it is a copy or a maximum."""
    producers = graph.producers()
    value = op.inputs[0]
    names = [value.name]
    while (maker := producers.get(value)) is not None and len(maker.inputs) == 1:
        largest = maker.kind in ("Pool", "GlobalPool") and maker.options.kind == "max"
        if not (largest or maker.kind in MOVERS):
            break
        value = maker.inputs[0]
        names.append(value.name)
    return names


def aware(
    model: nn.Module,
    *,
    example_inputs: Any,
    keep: Sequence[str] = (),
    keep_outputs: bool = True,
    momentum: float = 0.05,
) -> Aware:
    """Makes a network round as int8 will, for a short fine-tuning; `finish` then gives its description.

    model: its `nn.Linear`, `nn.Conv1d` and `nn.Conv2d` layers round their inputs and weights from now on, in
    training and evaluation. Parameters, optimisers and pruning masks are as before: call ``pruner.step()``,
    or use `secateur.prune.hold_zeros`, as in any fine-tuning; zeros are rounded to zeros.
    example_inputs, keep, keep_outputs: as of `static`.
    momentum: of the running ranges of inputs, which move in training and stand still in evaluation.

    Raises InvalidArgumentError, and what `secateur.compile` raises for the network.

    >>> net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    >>> tuned = aware(net, example_inputs=torch.ones(1, 8))
    >>> net(torch.randn(32, 8)).square().mean().backward()  # and optimizer.step(), pruner.step()
    >>> tuned.layers, tuned.finish(torch.randn(16, 8)).method
    (['0'], 'aware')
    """
    if not isinstance(model, nn.Module):
        raise InvalidArgumentError(f"a network is trained as a module, not as {type(model).__name__}")
    if not 0 < momentum <= 1:
        raise InvalidArgumentError(f"momentum is {momentum}; it is above 0, up to 1")
    modules = dict(model.named_modules())
    for name, module in modules.items():
        if type(module) in KINDS and "forward" in module.__dict__:
            raise InvalidArgumentError(f"layer {name!r} has a forward of its own: is it rounded already?")
    graph = calibrated_form(model, example_inputs)
    layers, _ = layer_choices(graph, keep, keep_outputs)
    empty = {op.name: np.zeros(1, np.int32) for op in graph.ops if op.kind in WEIGHTY}
    dtypes = choose_dtypes(graph, Quantization(graph.name, "aware", 0, layers=layers), empty)
    producers = graph.producers()
    rounded = {}
    for op in graph.ops:
        if op.kind not in WEIGHTY or type(modules.get(op.name)) not in KINDS:
            continue
        i8 = dtypes[op.name][0] == "i8"
        maker = producers.get(op.inputs[0])
        if i8 or (maker is not None and dtypes[maker.name][0] == "i8"):
            rounded[op.name] = _Rounded(modules[op.name], momentum, i8)
    if not any(layer.weight for layer in rounded.values()):
        raise InvalidArgumentError("none of the network's layers would run in int8: there is nothing to tune")
    return Aware(model, rounded, example_inputs, keep, keep_outputs)
