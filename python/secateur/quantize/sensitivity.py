"""What each layer's int8 costs by itself: the table by which one chooses what stays in f32."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secateur.passes.quantize import LayerChoice, Quantization, quantise_graph
from secateur.quantize.data import batches
from secateur.quantize.run import Distance, Taps, simulate
from secateur.quantize.static import calibrated_form, static

if TYPE_CHECKING:
    from secateur.frontend.torch.export import Model


@dataclass(frozen=True)
class LayerError:
    """`error`: of the network's outputs when this layer alone is in int8, relative root mean square."""

    name: str
    error: float
    weights: int


def sensitivity(
    model: Model,
    calibration: Any,
    *,
    example_inputs: Any = None,
    quantization: Quantization | None = None,
    trials: int = 1,
    **options: Any,
) -> list[LayerError]:
    """Each layer alone in int8, all others in f32; the most harmful first.

    quantization: what `static` returned; without it, it is made here, with `options`. trials: batches of the
    calibration set on which the error is measured. One pass over the network for each layer, in NumPy.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    >>> rows = sensitivity(net, torch.randn(16, 8), example_inputs=torch.ones(1, 8))
    >>> sorted(row.name for row in rows), rows[0].error >= rows[1].error > 0
    (['0', '2'], True)
    """
    calibration = calibration if hasattr(calibration, "__len__") else list(calibration)
    q = quantization
    if q is None:
        settings = {"keep_outputs": False, "trials": 0, **options}
        q = static(model, calibration, example_inputs=example_inputs, **settings)
    plain = calibrated_form(model, example_inputs, trust=bool(options.get("trust", False)))
    found = batches(calibration, plain.user_inputs, trials)
    wanted = list(Taps(plain)(found))
    rows = []
    for name in [name for name, layer in q.layers.items() if layer.dtype == "i8"]:
        others = {
            other: layer if other == name else LayerChoice("f32", "not this one")
            for other, layer in q.layers.items()
        }
        alone = Quantization(
            **{**q.__dict__, "layers": others, "bias": {k: v for k, v in q.bias.items() if k == name}}
        )
        graph = copy.deepcopy(plain)
        quantise_graph(graph, alone)
        distance = Distance()
        for batch, exact in zip(found, wanted, strict=True):
            got = simulate(graph, batch)
            for port, before in zip(graph.user_outputs, plain.user_outputs, strict=True):
                distance.add(got[port.value.name], exact[before.value.name])
        weights = next(op.options.weight.size for op in plain.ops if op.name == name)
        rows.append(LayerError(name, distance.relative, int(weights)))
    return sorted(rows, key=lambda row: -row.error)
