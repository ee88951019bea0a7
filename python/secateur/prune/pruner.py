"""The pruner: keeps masks over a model while any optimizer trains it, then hands over a plain module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from secateur.errors import PruningError
from secateur.prune.channels import remove_channels
from secateur.prune.channels.surgery import Removal, apply_masks, trial
from secateur.prune.channels.trace import Example
from secateur.prune.layers import find_layers
from secateur.prune.patterns import Channel
from secateur.prune.plan import plan_channels
from secateur.prune.recipe import Recipe
from secateur.prune.report import LayerReport, Report
from secateur.prune.targets import GroupTarget, LayerTarget, Target, choose

STATE_VERSION = 1


class Pruner:
    """Prunes `model` by `recipe`, in place, beside any training loop.

    Call `step` after every ``optimizer.step()``: it chooses masks when the schedule says so and sets
    the pruned weights back to exact zero. Gradients of pruned weights are masked too, so momentum does
    not gather there. `finalize` ends it. `state_dict` and `load_state_dict` resume exactly.

    model: any nn.Module; its parameters must stay the same objects until `finalize`.
    recipe: a Recipe, or a table for `Recipe.from_dict`.
    example_inputs: a tensor or a tuple of arguments of ``model.forward``; needed to prune channels.

    Raises PruningError where the recipe does not fit the model, naming the layer or field.

    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    >>> pruner = Pruner(model, {"sparsity": 0.75, "schedule": {"name": "cubic", "begin": 0, "end": 8}})
    >>> for _ in range(9):
    ...     optimizer.zero_grad()
    ...     model(torch.randn(32, 8)).square().mean().backward()
    ...     optimizer.step()
    ...     pruner.step()
    >>> model is pruner.finalize()
    True
    >>> sum(int((p == 0).sum()) for p in (model[0].weight, model[2].weight))  # of 192
    144
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe | Mapping[str, Any], example_inputs: Any = None
    ) -> None:
        self._model = model
        self._recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe)
        self._example = None if example_inputs is None else Example.of(example_inputs)
        self._layers = find_layers(model, self._recipe)
        self._before = {layer.name: _parameters(layer.module) for layer in self._layers}
        self._notes: list[str] = []
        self._targets: list[Target] = [
            LayerTarget(layer)
            for layer in self._layers
            if not (layer.skip or isinstance(layer.pattern, Channel))
        ]
        if any(isinstance(layer.pattern, Channel) and not layer.skip for layer in self._layers):
            self._targets += self._find_channels()
        self._steps = 0
        self._sealed: Report | None = None
        self._masks: dict[str, Tensor] = {}
        self._hooks: dict[str, RemovableHandle] = {}

    @property
    def model(self) -> nn.Module:
        """The model that is pruned."""
        return self._model

    @property
    def recipe(self) -> Recipe:
        """The recipe, settled."""
        return self._recipe

    @property
    def steps(self) -> int:
        """How often `step` was called."""
        return self._steps

    @property
    def masks(self) -> dict[str, Tensor]:
        """Masks by parameter name, bool, True = kept; empty before the first choice and after `finalize`."""
        return dict(self._masks)

    def step(self) -> None:
        """To be called after each ``optimizer.step()``. Raises PruningError after `finalize`."""
        if self._sealed is not None:
            raise PruningError("step() after finalize(): make a new Pruner to prune further")
        schedule = self._recipe.schedule
        if schedule.updates(self._steps):
            sparsities = [schedule.sparsity(self._steps, target.sparsity) for target in self._targets]
            choose(self._targets, self._recipe.score, sparsities, self._recipe.scope)
            self._make_masks()
        self._apply()
        self._steps += 1

    def finalize(self, *, allow_unfinished: bool = False) -> nn.Module:
        """End pruning: exact zeros, channels taken out, no hooks left. Returns the model itself.

        The surgery is first tried on a copy, in eval mode on the example inputs: what is left must
        compute what the masked model computes. Parameters of layers that lose channels become new
        objects, so fine-tune with a new optimizer. Raises PruningError when the schedule has not
        reached its end, unless `allow_unfinished`; the model is then untouched.
        """
        if self._sealed is not None:
            return self._model
        last = self._recipe.schedule.last
        if self._steps <= last and not allow_unfinished:
            raise PruningError(
                f"finalize() after {self._steps} steps, but the schedule reaches its sparsity at step "
                f"{last}: call step() {last + 1 - self._steps} more times, shorten the schedule, or "
                f"finalize(allow_unfinished=True) to keep what is reached"
            )
        self._apply()
        removals: list[Removal] = [
            (t.group, t.keep) for t in self._targets if isinstance(t, GroupTarget) and not bool(t.keep.all())
        ]
        if removals:
            assert self._example is not None
            if problem := trial(self._model, removals, self._example):
                layers = ", ".join(repr(group.name) for group, _ in removals[:4])
                raise PruningError(
                    f"taking out the channels of {layers}... would change what the model computes: "
                    f"{problem}; skip the layers concerned"
                )
        for hook in self._hooks.values():
            hook.remove()
        remove_channels(self._model, removals)
        self._sealed = self._report(finished=True)
        self._masks, self._hooks = {}, {}
        return self._model

    def report(self) -> Report:
        """The state of every layer; print it, or take `Report.to_dict`."""
        return self._sealed if self._sealed is not None else self._report(finished=False)

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs, beside the model's and the optimizer's own state."""
        return {
            "version": STATE_VERSION,
            "steps": self._steps,
            "recipe": self._recipe.to_dict(),
            "masked": bool(self._masks),
            "keep": {target.name: target.keep.clone() for target in self._targets},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from `state_dict`, for the same network and recipe. Raises PruningError otherwise."""
        if self._sealed is not None:
            raise PruningError("load_state_dict() after finalize(): make a new Pruner")
        if state.get("version") != STATE_VERSION:
            raise PruningError(
                f"the state is of version {state.get('version')!r}, this reads {STATE_VERSION}"
            )
        if state["recipe"] != self._recipe.to_dict():
            mine, theirs = self._recipe.to_dict(), state["recipe"]
            fields = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
            raise PruningError(f"the state was made with another recipe; it differs in {', '.join(fields)}")
        keep: Mapping[str, Tensor] = state["keep"]
        for target in self._targets:
            if target.name not in keep or keep[target.name].shape != target.keep.shape:
                raise PruningError(f"layer {target.name!r}: the state was made for another network")
        for target in self._targets:
            target.keep = keep[target.name].cpu().bool().clone()
        self._steps = int(state["steps"])
        if state["masked"]:
            self._make_masks()
            self._apply()

    # --- inside -----------------------------------------------------------------------------------

    def _find_channels(self) -> Sequence[Target]:
        if self._example is None:
            raise PruningError(
                "pruning channels follows them through the network: give example_inputs, "
                "for instance Pruner(model, recipe, example_inputs=torch.randn(1, 3, 224, 224))"
            )
        targets, notes = plan_channels(self._model, self._layers, self._example)
        self._notes += notes
        if not targets and len(self._targets) == 0:
            why = "; ".join(self._notes) or "all channels are inputs or outputs of the network"
            raise PruningError(f"no channel of {type(self._model).__name__} can be removed: {why}")
        return targets

    def _make_masks(self) -> None:
        masks: dict[str, Tensor] = {}
        for target in self._targets:
            for name, mask in target.masks().items():
                masks[name] = masks[name] & mask if name in masks else mask
        parameters = dict(self._model.named_parameters(remove_duplicate=False))
        self._masks = {name: mask.to(parameters[name].device) for name, mask in masks.items()}
        for name in self._masks:
            if name not in self._hooks and parameters[name].requires_grad:
                hook = self._gradient_hook(name)
                self._hooks[name] = parameters[name].register_hook(hook)  # type: ignore[no-untyped-call]

    def _gradient_hook(self, name: str) -> Callable[[Tensor], Tensor]:
        def mask_gradient(gradient: Tensor) -> Tensor:
            return gradient.masked_fill(~self._masks[name].to(gradient.device), 0)

        return mask_gradient

    def _apply(self) -> None:
        apply_masks(self._model, self._masks)

    def _report(self, *, finished: bool) -> Report:
        channels: dict[str, tuple[GroupTarget, float]] = {}
        removed: dict[str, int] = {}
        for target in self._targets:
            if isinstance(target, GroupTarget):
                for side in target.group.sides:
                    if side.kind == "out":
                        gone = int((~target.keep[side.units]).sum())
                        removed[side.module] = removed.get(side.module, 0) + gone
                        channels[side.module] = (target, target.sparsity)
        rows = []
        for layer in self._layers:
            weight = layer.module.weight
            assert isinstance(weight, nn.Parameter)
            nonzeros = int(weight.detach().count_nonzero())
            sparsity = 1.0 - nonzeros / weight.numel()
            pattern, target_sparsity, note = "", 0.0, layer.skip and f"skipped: {layer.skip}"
            if layer.name in channels:
                owner, target_sparsity = channels[layer.name]
                pattern, sparsity = str(owner.pattern), removed[layer.name] / layer.rows
                note = "" if owner.name == layer.name else f"with {owner.name}"
            elif not layer.skip and not isinstance(layer.pattern, Channel):
                pattern, target_sparsity = str(layer.pattern), layer.sparsity
            elif not layer.skip:
                note = "outputs kept"
            rows.append(
                LayerReport(
                    name=layer.name,
                    shape=tuple(weight.shape),
                    pattern=pattern,
                    target=target_sparsity,
                    sparsity=sparsity,
                    nonzeros=nonzeros,
                    weights_before=layer.rows * layer.cols,
                    parameters_before=self._before[layer.name],
                    parameters_after=_parameters(layer.module),
                    note=note,
                )
            )
        return Report(tuple(rows), tuple(self._notes), self._steps, finished)


def _parameters(module: nn.Module) -> int:
    return sum(
        p.numel() for key, p in module._parameters.items() if p is not None and key in ("weight", "bias")
    )
