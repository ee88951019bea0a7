"""How far a correct f32 run of a whole network may be from the exact result.

A worst-case bound of a deep network is useless: every layer multiplies it by the sum of its absolute
weights. Rounding errors are as good as independent, though, and a dot product of K terms is then off by
at most about sqrt(K) u sum|w||x| (u = 2^-24; Higham and Mary, A new approach to probabilistic rounding
error analysis, SIAM J. Sci. Comput. 41, 2019). So the network runs in float64 with noise of exactly
that standard deviation added to every convolution's and linear layer's output. The spread of its
outputs is what rounding may do to them, through this network, with these weights, on this input. It
knows nothing of the code under test.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

UNIT = 2.0**-24
DRAWS = 8
# Of a thousand outputs, each normally distributed, one beyond six standard deviations turns up once in
# half a million runs; and the model above is an upper estimate of the standard deviation already.
DEVIATIONS = 6.0


@dataclass(frozen=True)
class Exact:
    """A network's output in float64, and the largest error that rounding explains."""

    output: np.ndarray
    deviation: float  # standard deviation, over all outputs

    @property
    def tolerance(self) -> float:
        return DEVIATIONS * self.deviation

    @property
    def tolerance_between(self) -> float:
        """For two f32 results against each other: their errors are independent."""
        return DEVIATIONS * 2**0.5 * self.deviation


@torch.no_grad()
def exact(network: nn.Module, x: torch.Tensor, unit: float = UNIT) -> Exact:
    """The float64 output of an f32 network, and how far rounding may move it.

    Args:
        network: f32, in eval mode, of convolutions, linear layers, batch norms, and operators that round
            once per element.
        x: f32 input.
        unit: half an ulp of 1 where sums are rounded; of f16, whose weights are rounded as often as a
            term, 2^-11.
    """
    double = copy.deepcopy(network).double()
    output = double(x.double())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for layer in double.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear, nn.BatchNorm2d)):
                layer.register_forward_hook(partial(_add_rounding, unit))
        squares = [float((double(x.double()) - output).square().mean()) for _ in range(DRAWS)]
    return Exact(output.numpy(), float(np.mean(squares)) ** 0.5)


def _add_rounding(
    unit: float, layer: nn.Module, inputs: tuple[torch.Tensor, ...], y: torch.Tensor
) -> torch.Tensor:
    return y + unit * _magnitude(layer, inputs[0].abs(), y) * torch.randn_like(y)


def _magnitude(layer: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """sqrt(K) sum|w||x|, in units of rounding, for each output."""
    if isinstance(layer, nn.BatchNorm2d):
        # Folded into the weights before it: its factor and its shift are rounded once each.
        scale = layer.weight / torch.sqrt(layer.running_var + layer.eps)
        shift = layer.bias.abs() + (scale * layer.running_mean).abs()
        return y.abs() + 2 * shift[:, None, None]
    terms = (layer.weight != 0).flatten(1).sum(1).max().item() + 2  # with bias and residual
    bias = None if layer.bias is None else layer.bias.abs()
    if isinstance(layer, nn.Linear):
        total = functional.linear(x, layer.weight.abs(), bias)
    else:
        total = functional.conv2d(
            x, layer.weight.abs(), bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )
    return terms**0.5 * total
