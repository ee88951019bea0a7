"""The pruner: keeps masks over a model while any optimizer trains it, then hands over a plain module."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.utils.hooks import RemovableHandle

from secateur.errors import PruningError
from secateur.prune.account import Account, account, positions_of
from secateur.prune.channels import remove_channels
from secateur.prune.channels.surgery import Removal, narrow_norms, trial
from secateur.prune.example import Example, group_of, unwrap
from secateur.prune.exchange import exchange, together
from secateur.prune.goal import Goal
from secateur.prune.hold import Masks
from secateur.prune.layers import find_layers
from secateur.prune.patterns import Channel
from secateur.prune.plan import plan_channels
from secateur.prune.recipe import Recipe
from secateur.prune.report import Report, make_report
from secateur.prune.settle import fixed, settle
from secateur.prune.solve.budget import CostFunction
from secateur.prune.targets import GroupTarget, LayerTarget, Target, choose

STATE_VERSION = 1


class Pruner:
    """Prunes `model` by `recipe`, in place, beside any training loop.

    Call `step` after every ``optimizer.step()``: it chooses masks when the schedule says so and sets
    the pruned weights back to exact zero. Gradients of pruned weights are masked too, so momentum does
    not gather there. `finalize` ends it. `state_dict` and `load_state_dict` resume exactly.

    model: any nn.Module, also inside torch.compile, DistributedDataParallel or DataParallel: masks go by
        the names of the network inside. A parameter that is replaced is followed by its name.
    recipe: a Recipe, or a table for `Recipe.from_dict`.
    example_inputs: a tensor, a tuple of arguments of ``model.forward``, or a mapping from the names of
        arguments; needed to prune channels, to know which layer runs first and last, and for budgets of
        FLOPs and milliseconds.
    costs: for a budget in milliseconds, f(layer, rows, columns, positions, pattern, sparsity) as `Budget`
        takes it.
    process_group: of data-parallel training whose wrapper is not `model`, so that what is chosen by
        gradients (RigL) is chosen by those of all processes; that of a DistributedDataParallel where None.

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
        self,
        model: nn.Module,
        recipe: Recipe | Mapping[str, Any],
        example_inputs: Any = None,
        *,
        costs: CostFunction | None = None,
        process_group: Any = None,
    ) -> None:
        self._model = unwrap(model)
        self._group = process_group or group_of(model)
        self._recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe)
        self._example = None if example_inputs is None else Example.of(example_inputs, self._model)
        self._notes: list[str] = []
        self._layers = find_layers(self._model, self._recipe, self._example, self._notes)
        self._before = {layer.name: _parameters(self._model, layer.weight.owner) for layer in self._layers}
        self._targets: list[Target] = [
            LayerTarget(layer)
            for layer in self._layers
            if not (layer.skip or isinstance(layer.pattern, Channel))
        ]
        if any(isinstance(layer.pattern, Channel) and not layer.skip for layer in self._layers):
            self._targets += self._find_channels()
        self._steps = 0
        self._found: float | None = None  # the sparsity that keeps to the recipe's budget
        self._sealed: Report | None = None
        self._removals: list[Removal] = []
        self._norms: list[RemovableHandle] = []  # LayerNorms that lose features, over what stays
        self._masks = Masks(self._model)
        self._rewound: dict[str, Tensor] | None = None
        if self._recipe.keep_zeros:
            kept = [t.keep_zeros() for t in self._targets if isinstance(t, LayerTarget)]
            if any(kept):
                self._make_masks()
        if self._recipe.budget is not None:
            self._keep_to(Goal.parse(self._recipe.budget), costs)
        self._first = [target.keep.clone() for target in self._targets]

    @property
    def model(self) -> nn.Module:
        """The model that is pruned, without its wrappers."""
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
        """Masks by parameter name, bool, True = kept; empty after `finalize`.

        Before the first choice they hold what was zero already.
        """
        return {} if self._sealed is not None else dict(self._masks.by_name)

    def step(self) -> None:
        """To be called after each ``optimizer.step()``. Raises PruningError after `finalize`."""
        if self._sealed is not None:
            raise PruningError("step() after finalize(): make a new Pruner to prune further")
        schedule, step = self._recipe.schedule, self._steps
        if schedule.updates(step):
            if (share := schedule.exchange(step)) > 0:
                self._exchange(share)
            else:
                self._choose()
            self._make_masks()
            if self._rewound is not None:
                self._model.load_state_dict(self._rewound)
        self._masks.apply()
        if step == schedule.rewind:
            self._rewound = {key: value.detach().clone() for key, value in self._model.state_dict().items()}
        self._masks.gradients = {}
        self._masks.watching = schedule.exchange(step + 1) > 0 and schedule.updates(step + 1)
        self._steps += 1

    def finalize(self, *, allow_unfinished: bool = False) -> nn.Module:
        """End pruning: exact zeros, channels taken out, no hooks left. Returns the model, unwrapped.

        The surgery is first tried on a copy, in eval mode on the example inputs: what is left must
        compute what the masked model computes. Parameters of layers that lose channels become new
        objects, so fine-tune with a new optimizer (and wrap the model anew). Training on lets zeros grow
        back: `hold_zeros` keeps them. Raises PruningError when the schedule has not
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
        self._masks.apply()
        removals = self._chosen()
        self._release_norms()
        if removals:
            assert self._example is not None
            if problem := trial(self._model, removals, self._example):
                self._norms = narrow_norms(self._model, removals)
                layers = ", ".join(repr(group.name) for group, _ in removals[:4])
                raise PruningError(
                    f"taking out the channels of {layers}... would change what the model computes: "
                    f"{problem}; skip the layers concerned"
                )
        self._masks.release()
        remove_channels(self._model, removals)
        self._removals = removals
        self._sealed = self._report(finished=True)
        return self._model

    def apply_to(self, model: nn.Module) -> nn.Module:
        """Do to a copy of the network what was done to the network; returns `model`.

        For a moving average of the weights (EMA), which mixes weights of the past in and so has no zeros:
        during training it gets the zeros in force; after `finalize` it loses the same channels too. Call it
        once more after the last update of the average. Raises PruningError where the shapes do not fit.
        """
        inner = unwrap(model)
        Masks(inner, self._masks.by_name).apply(hooks=False)
        if self._sealed is not None:
            remove_channels(inner, self._removals)
        return model

    def account(self, costs: CostFunction | None = None, unit: str = "ms") -> Account:
        """What each layer takes, dense and with the masks as they are; before `finalize`.

        costs, unit: as above, and what the function counts. Without example inputs there are no FLOPs.
        """
        if self._sealed is not None:
            raise PruningError("account() after finalize(): ask before it, or make a new Pruner")
        positions = dict.fromkeys((layer.weight.path for layer in self._layers), 0)
        if self._example is not None:
            positions = positions_of(self._model, self._layers, self._example)
        return account(self._model, self._layers, self._targets, positions, costs, unit)

    def report(self) -> Report:
        """The state of every layer; print it, or take `Report.to_dict`."""
        return self._sealed if self._sealed is not None else self._report(finished=False)

    def state_dict(self) -> dict[str, Any]:
        """Everything that `load_state_dict` needs, beside the model's and the optimizer's own state."""
        return {
            "version": STATE_VERSION,
            "steps": self._steps,
            "recipe": self._recipe.to_dict(),
            "masked": bool(self._masks.by_name),
            "keep": {target.name: target.keep.clone() for target in self._targets},
            "first": {t.name: keep for t, keep in zip(self._targets, self._first, strict=True)},
            "rewound": self._rewound,
            "sparsity": self._found,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from `state_dict`, for the same network and recipe. Raises PruningError otherwise."""
        if self._sealed is not None:
            raise PruningError("load_state_dict() after finalize(): make a new Pruner")
        if state.get("version") != STATE_VERSION:
            raise PruningError(
                f"the state is of version {state.get('version')!r}, this reads {STATE_VERSION}"
            )
        mine, theirs = self._recipe.to_dict(), Recipe.from_dict(state["recipe"]).to_dict()
        if mine != theirs:
            fields = sorted(key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key))
            raise PruningError(f"the state was made with another recipe; it differs in {', '.join(fields)}")
        if self._found is not None and state.get("sparsity") is not None:
            self._aim_at(float(state["sparsity"]))  # what the budget came to when the run began
        keep: Mapping[str, Tensor] = state["keep"]
        for target in self._targets:
            if target.name not in keep or keep[target.name].shape != target.keep.shape:
                raise PruningError(f"layer {target.name!r}: the state was made for another network")
        for target in self._targets:
            target.keep = keep[target.name].cpu().bool().clone()
        self._steps = int(state["steps"])
        first = state.get("first", {})
        self._first = [first.get(t.name, keep) for t, keep in zip(self._targets, self._first, strict=True)]
        self._rewound = state.get("rewound")
        schedule, step = self._recipe.schedule, self._steps
        self._masks.watching = schedule.exchange(step) > 0 and schedule.updates(step)
        if state["masked"]:
            self._make_masks()
            self._masks.apply()

    # --- inside -----------------------------------------------------------------------------------

    def _keep_to(self, goal: Goal, costs: CostFunction | None) -> None:
        if goal.kind == "milliseconds" and costs is None:
            raise PruningError(
                "budget: ms needs to know what layers take: give Pruner(costs=...), or secateur prune "
                "--target"
            )
        if goal.kind in ("flops", "milliseconds") and self._example is None:
            raise PruningError(f"budget: {goal} counts what one input takes: give example_inputs")
        positions = dict.fromkeys((layer.weight.path for layer in self._layers), 0)
        if self._example is not None:
            positions = positions_of(self._model, self._layers, self._example)

        def now() -> Account:
            return account(self._model, self._layers, self._targets, positions, costs)

        sparsity, sentence = settle(self._targets, self._recipe.scope, goal, now)
        self._notes.append(sentence)
        self._aim_at(sparsity)

    def _aim_at(self, sparsity: float) -> None:
        self._found = sparsity
        self._layers = [
            layer
            if layer.own_sparsity or layer.pattern.fixed_sparsity is not None
            else dataclasses.replace(layer, sparsity=sparsity)
            for layer in self._layers
        ]
        by_name = {layer.name: layer for layer in self._layers}
        for target in self._targets:
            if isinstance(target, LayerTarget):
                target.layer = by_name[target.layer.name]
            if not fixed(target):
                target.sparsity = sparsity

    def _find_channels(self) -> Sequence[Target]:
        if isinstance(self._model, GraphModule):
            raise PruningError(
                "channels of an exported program cannot be taken out: its text holds their numbers; "
                "prune the nn.Module it came from, and export that"
            )
        if self._example is None:
            raise PruningError(
                "pruning channels follows them through the network: give example_inputs, "
                "for instance Pruner(model, recipe, example_inputs=torch.randn(1, 3, 224, 224))"
            )
        targets, notes = plan_channels(self._model, self._layers, self._example)
        self._notes += notes
        cut = {name for target in targets for name in target.group.loose()}
        held = [layer.name or layer.weight.path for layer in self._layers if layer.weight.path in cut]
        self._notes = [note for note in self._notes if not note.startswith(tuple(f"{n} (" for n in held))]
        if not targets and len(self._targets) == 0:
            why = "; ".join(self._notes) or "all channels are inputs or outputs of the network"
            raise PruningError(f"no channel of {type(self._model).__name__} can be removed: {why}")
        return targets

    def _make_masks(self) -> None:
        masks: dict[str, Tensor] = {}
        for target in self._targets:
            for name, mask in target.masks().items():
                masks[name] = masks[name] & mask if name in masks else mask
        self._masks.by_name = masks
        self._masks.apply()
        self._release_norms()
        self._norms = narrow_norms(self._model, self._chosen())

    def _choose(self) -> None:
        schedule = self._recipe.schedule
        if schedule.regrows:
            for target, keep in zip(self._targets, self._first, strict=True):
                target.keep = keep.clone()
        sparsities = [schedule.sparsity(self._steps, target.sparsity) for target in self._targets]
        choose(self._targets, sparsities, self._recipe.scope)

    def _exchange(self, share: float) -> None:
        schedule = self._recipe.schedule
        drawn = getattr(schedule, "grow", "gradient") == "random"
        generator = (
            torch.Generator().manual_seed(getattr(schedule, "seed", 0) + self._steps) if drawn else None
        )
        gradients: Mapping[str, Tensor] = self._masks.gradients
        if self._group is not None and generator is None:
            gradients = together(gradients, self._group)
        for target in self._targets:
            if isinstance(target, GroupTarget):
                raise PruningError(f"channels of {target.name} cannot change places: take another schedule")
            assert isinstance(target, LayerTarget)
            exchange(target, share, gradients, generator)

    def _chosen(self) -> list[Removal]:
        groups = [t for t in self._targets if isinstance(t, GroupTarget)]
        return [(target.group, target.keep) for target in groups if not bool(target.keep.all())]

    def _release_norms(self) -> None:
        for handle in self._norms:
            handle.remove()
        self._norms = []

    def _report(self, *, finished: bool) -> Report:
        return make_report(self._layers, self._targets, self._before, self._notes, self._steps, finished)


def _parameters(model: nn.Module, owner: str) -> int:
    held = [p for p in model.get_submodule(owner)._parameters.values() if p is not None]
    return sum(p.numel() for p in held if not isinstance(p, nn.parameter.UninitializedParameter))
