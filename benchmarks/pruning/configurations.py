"""The configurations: what happens to the dense network beside or after the same training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

import secateur as sct
from pruning.rivals import RECURRENT, TorchMasks, TorchPruning


class Pruning(Protocol):
    """What stands beside the training loop."""

    model: nn.Module  # what is trained

    def step(self) -> None:
        """After each step of the optimizer."""

    def finish(self) -> nn.Module:
        """The plain network that comes out."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Nothing:
    """Dense, trained as long."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def step(self) -> None:
        pass

    def finish(self) -> nn.Module:
        return self.model

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class Ours:
    """A recipe; its sparsity rises until `share` of the steps are done, a hundred times in all."""

    def __init__(self, model: nn.Module, steps: int, example: Tensor, fields: dict[str, Any]) -> None:
        table = dict(fields)
        end = max(2, round(table.pop("share", 0.5) * steps))
        table.setdefault("schedule", sct.prune.Cubic(begin=0, end=end, every=max(1, end // 100)))
        if any(isinstance(module, RECURRENT) for module in model.modules()):
            table.pop("skip_first", None)  # a recurrent network's first layer is nearly all of it
        self.model = model
        self._pruner = sct.prune.Pruner(model, sct.prune.Recipe(**table), example)

    def step(self) -> None:
        self._pruner.step()

    def finish(self) -> nn.Module:
        return self._pruner.finalize()

    def state_dict(self) -> dict[str, Any]:
        return self._pruner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._pruner.load_state_dict(state)


Begin = Callable[[nn.Module, int, Tensor], Pruning]  # (network, steps of training, example)


@dataclass(frozen=True)
class Configuration:
    """begin: makes the pruning; None where the network is `parent`'s, quantised after its training."""

    name: str
    title: str
    begin: Begin | None = None
    parent: str = ""


@dataclass(frozen=True)
class Bar:
    """`configuration` is to reach `reference` plus `margin` points of accuracy."""

    configuration: str
    reference: str
    margin: float


def ours(**fields: Any) -> Begin:
    return lambda model, steps, example: Ours(model, steps, example, fields)


CONFIGURATIONS = {
    c.name: c
    for c in (
        Configuration("dense", "dense, trained as long", lambda m, s, x: Nothing(m)),
        Configuration("element90", "90% of single weights", ours(sparsity=0.9)),
        Configuration(
            "element90_plain", "90% of single weights, scores as they stand",
            ours(sparsity=0.9, scope={"name": "global", "normalise": False}),
        ),
        Configuration("torch90", "90% by torch.nn.utils.prune, one shot", lambda m, s, x: TorchMasks(m, 0.9)),
        Configuration(
            "1x4", "80% in 1x4 by tap", ours(sparsity=0.8, pattern="1x4 by tap", skip_first=True)
        ),
        Configuration(
            "1x4_uniform", "80% in 1x4 by tap, as much of every layer",
            ours(sparsity=0.8, pattern="1x4 by tap", scope="uniform", skip_first=True),
        ),
        Configuration("int8_1x4", "80% in 1x4 by tap, int8", parent="1x4"),
        Configuration("int8_dense", "dense, int8", parent="dense"),
        Configuration("4x1", "80% in 4x1", ours(sparsity=0.8, pattern="4x1", skip_first=True)),
        Configuration("2:4", "2:4", ours(pattern="2:4", skip_first=True)),
        Configuration("channels", "channels, half the FLOPs", ours(budget="flops=0.5", pattern="channel")),
        Configuration("tp", "Torch-Pruning, half the FLOPs", lambda m, s, x: TorchPruning(m, x, 0.5)),
        Configuration("element80", "80% of single weights", ours(sparsity=0.8)),
        Configuration("element95", "95% of single weights", ours(sparsity=0.95)),
    )
}  # fmt: skip

_SMALL = (
    Bar("element90", "dense", -0.5), Bar("4x1", "dense", -0.8), Bar("1x4", "dense", -0.8),
    Bar("2:4", "dense", -0.3), Bar("channels", "dense", -0.8), Bar("int8_1x4", "dense", -0.7),
)  # fmt: skip
BARS = {
    "digits_cnn": _SMALL,
    "digits_gru": _SMALL[:-1],
    "letters": _SMALL,
    "resnet20": (
        Bar("element80", "dense", -0.7), Bar("element90", "dense", -1.8), Bar("element95", "dense", -4.0),
        Bar("element90", "torch90", 1.0), Bar("channels", "tp", 0.5), Bar("int8_1x4", "dense", -0.7),
    ),
}  # fmt: skip
