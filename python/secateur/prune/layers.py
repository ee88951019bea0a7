"""Finds the layers that can be pruned, and settles what the recipe says about each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from secateur.errors import PruningError
from secateur.prune.patterns import Pattern
from secateur.prune.recipe import Recipe

PRUNABLE = (nn.Conv1d, nn.Conv2d, nn.Linear)


@dataclass(frozen=True)
class Layer:
    """One prunable layer: its name, module and weight, and what the recipe asks of it."""

    name: str
    module: nn.Module
    weight: nn.Parameter
    pattern: Pattern
    sparsity: float
    own_sparsity: bool  # set by an override, so outside the shared threshold
    skip: str  # why it is left alone, "" when it is pruned

    @property
    def rows(self) -> int:
        """Output channels."""
        return self.weight.shape[0]

    @property
    def cols(self) -> int:
        """Input channels of the group * kernel positions."""
        return self.weight[0].numel()


def is_depthwise(module: nn.Module) -> bool:
    """Whether `module` is a convolution with one filter (or several) of its own per input channel."""
    return isinstance(module, (nn.Conv1d, nn.Conv2d)) and 1 < module.groups == module.in_channels


def prunable_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every Conv1d, Conv2d and Linear by name, in order; a weight shared by two appears once.

    >>> list(prunable_modules(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))))
    ['0', '2']
    """
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        if not isinstance(module, PRUNABLE):
            continue
        weight = module._parameters.get("weight")
        if weight is None or isinstance(weight, nn.parameter.UninitializedParameter):
            continue  # computed (weight norm, parametrised) or not made yet
        if id(weight) not in seen and weight.numel() > 0:
            seen.add(id(weight))
            found[name] = module
    return found


def match(glob: str, names: Iterable[str], where: str) -> list[str]:
    """The names that `glob` matches; raises PruningError naming `where` when it matches none."""
    names = list(names)
    hits = [name for name in names if fnmatchcase(name, glob)]
    if not hits:
        near = difflib.get_close_matches(glob, names, n=3, cutoff=0.4) or names[:3]
        raise PruningError(
            f"{where}: no prunable layer matches {glob!r}; the names are like {', '.join(map(repr, near))}"
        )
    return hits


def _skips(recipe: Recipe, modules: Mapping[str, nn.Module]) -> dict[str, str]:
    names = list(modules)
    reasons: dict[str, str] = {}
    if recipe.skip_depthwise:
        reasons.update({n: "depthwise" for n, m in modules.items() if is_depthwise(m)})
    if recipe.skip_first:
        reasons[names[0]] = "first layer"
    if recipe.skip_last:
        reasons[names[-1]] = "last layer"
    for glob in recipe.skip:
        reasons.update(dict.fromkeys(match(glob, names, "skip"), f"skip {glob!r}"))
    return reasons


def find_layers(model: nn.Module, recipe: Recipe) -> list[Layer]:
    """Every prunable layer of `model`, in order, with the recipe settled; skipped ones included.

    Raises PruningError for a model without such layers, for globs that match nothing, and where
    nothing is left to prune.
    """
    modules = prunable_modules(model)
    if not modules:
        raise PruningError(f"{type(model).__name__} has no prunable layer: no Conv1d, Conv2d or Linear")
    skips = _skips(recipe, modules)
    sparsity = dict.fromkeys(modules, recipe.final_sparsity)
    pattern = dict.fromkeys(modules, recipe.pattern)
    own: set[str] = set()
    for glob, override in recipe.overrides.items():
        for name in match(glob, modules, f"overrides[{glob!r}]"):
            if glob == name:  # a layer named in full is asked for, whatever the defaults skip
                skips.pop(name, None)
            if override.skip:
                skips[name] = f"override {glob!r}"
            if override.pattern is not None:
                pattern[name] = override.pattern
                if override.pattern.fixed_sparsity is not None:
                    sparsity[name] = override.pattern.fixed_sparsity
                    own.discard(name)
            if override.sparsity is not None:
                sparsity[name] = override.sparsity
                own.add(name)
    for name in modules:
        fixed = pattern[name].fixed_sparsity
        if fixed is not None and abs(fixed - sparsity[name]) > 1e-6:
            raise PruningError(
                f"layer {name!r}: pattern {pattern[name]} is {fixed:g} sparse by itself, "
                f"but an override asks for {sparsity[name]:g}; leave the sparsity out"
            )
        if fixed is None and recipe.sparsity is None and name not in own and name not in skips:
            raise PruningError(
                f"layer {name!r}: pattern {pattern[name]} needs a sparsity; give it in the override "
                f"or in the recipe"
            )
    layers = []
    for name, module in modules.items():
        weight = module._parameters["weight"]
        assert weight is not None
        skip = skips.get(name, "")
        layers.append(Layer(name, module, weight, pattern[name], sparsity[name], name in own, skip))
    if all(layer.skip for layer in layers):
        raise PruningError(f"nothing to prune: all {len(layers)} prunable layers are skipped")
    return layers
