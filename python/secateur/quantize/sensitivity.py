"""What each layer's int8 costs by itself: the table by which one chooses what stays in f32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from secateur.passes.quantize import Quantization
from secateur.passes.quantize.dtypes import WEIGHTY
from secateur.quantize.data import batches
from secateur.quantize.ruler import Ruler
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
    calibration set on which the error is measured, for each layer once, by the runtime.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    >>> rows = sensitivity(net, torch.randn(16, 8), example_inputs=torch.ones(1, 8))
    >>> sorted(row.name for row in rows), rows[0].error >= rows[1].error > 0
    (['0', '2'], True)
    """
    calibration = calibration if hasattr(calibration, "__len__") else list(calibration)
    q = quantization
    if q is None:
        q = static(model, calibration, example_inputs=example_inputs, **{"keep_outputs": False, **options})
    trust, states = bool(options.get("trust", False)), options.get("states")
    plain = calibrated_form(model, example_inputs, trust=trust, states=states)
    ruler = Ruler(plain, batches(calibration, plain.user_inputs, trials))
    sizes = {op.name: int(op.options.weight.size) for op in plain.ops if op.kind in WEIGHTY}
    i8 = [name for name, layer in q.layers.items() if layer.dtype == "i8"]
    rows = []
    for name in i8:
        alone = q.keep(*(other for other in i8 if other != name), reason="not this one")
        alone.bias = {k: v for k, v in q.bias.items() if k == name}
        rows.append(LayerError(name, ruler.error(alone), sizes[name]))
    return sorted(rows, key=lambda row: -row.error)
