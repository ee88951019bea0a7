"""Finds the layers that can be pruned, and settles what the recipe says about each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn

from secateur.errors import PruningError
from secateur.prune.example import Example
from secateur.prune.order import ends
from secateur.prune.patterns import Pattern
from secateur.prune.recipe import Recipe
from secateur.prune.scores import Score
from secateur.prune.weights import EMBEDDING, Weight, find_weights


@dataclass(frozen=True)
class Layer:
    """One weight and what the recipe asks of it."""

    weight: Weight
    pattern: Pattern
    score: Score
    sparsity: float
    own_sparsity: bool  # set by an override, so outside the shared threshold
    skip: str  # why it is left alone, "" when it is pruned

    @property
    def name(self) -> str:
        """The name that recipes match and reports show."""
        return self.weight.name

    @property
    def rows(self) -> int:
        """Rows that the pattern sees: output channels, times kernel positions for patterns by tap."""
        return self.weight.rows * (self.weight.taps if self.pattern.by_tap else 1)

    @property
    def cols(self) -> int:
        """Columns that the pattern sees."""
        return self.weight.cols // (self.weight.taps if self.pattern.by_tap else 1)

    def parameter(self) -> nn.Parameter:
        """The parameter as it is now; raises PruningError where the network has none of its shape."""
        found = self.weight.find()
        if not isinstance(found, nn.Parameter) or tuple(found.shape) != self.weight.shape:
            now = "is gone" if found is None else f"has the shape {tuple(found.shape)} now"
            raise PruningError(
                f"layer {self.name!r}: its weight {self.weight.path!r} {now}, it was "
                f"{self.weight.shape} when the Pruner was made; after a change of the network make "
                f"a new Pruner"
            )
        return found

    def view(self, matrix: Tensor) -> Tensor:
        """The matrix [rows][cols] of the weight as the pattern sees it."""
        if not self.pattern.by_tap:
            return matrix
        split = matrix.reshape(self.weight.rows, -1, self.weight.taps)
        return split.permute(2, 0, 1).reshape(self.rows, self.cols)

    def unview(self, matrix: Tensor) -> Tensor:
        """The inverse of `view`."""
        if not self.pattern.by_tap:
            return matrix
        split = matrix.reshape(self.weight.taps, self.weight.rows, -1)
        return split.permute(1, 2, 0).reshape(self.weight.rows, self.weight.cols)


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


def _skips(
    model: nn.Module, recipe: Recipe, weights: Mapping[str, Weight], example: Example | None, notes: list[str]
) -> dict[str, str]:
    names = list(weights)
    reasons = {n: w.blocked or w.aside for n, w in weights.items() if w.blocked or w.aside}
    if not recipe.skip_embedding:
        reasons = {n: why for n, why in reasons.items() if why != EMBEDDING}
    if recipe.skip_depthwise:
        reasons.update({n: "depthwise" for n, w in weights.items() if w.depthwise})
    if recipe.skip_first or recipe.skip_last:
        layers = [w for w in weights.values() if not w.blocked and (not w.aside or w.aside == EMBEDDING)]
        first, last, why = ends(model, layers, example)
        if recipe.skip_first:
            reasons.update(dict.fromkeys(first, "first layer"))
        if recipe.skip_last:
            reasons.update(dict.fromkeys(last, "last layer"))
        if why:
            notes.append(f"first and last layer go by the order of definition, {why}")
    for glob in recipe.skip:
        reasons.update(dict.fromkeys(match(glob, names, "skip"), f"skip {glob!r}"))
    return reasons


def _nothing(model: nn.Module, weights: Mapping[str, Weight]) -> PruningError:
    why = "; ".join(f"{w.name or w.path!r}: {w.blocked}" for w in weights.values() if w.blocked)
    name = type(model).__name__
    return PruningError(
        f"{name} has no prunable layer: " + (why or "no convolution, linear, attention or recurrent weight")
    )


def find_layers(
    model: nn.Module, recipe: Recipe, example: Example | None = None, notes: list[str] | None = None
) -> list[Layer]:
    """Every weight of `model`, in order, with the recipe settled; skipped ones included.

    `notes` gains a sentence for what a user may not expect. Raises PruningError for a model without such
    weights, for globs that match nothing, and where nothing is left to prune.
    """
    notes = [] if notes is None else notes
    weights = find_weights(model)
    if all(weight.blocked for weight in weights.values()):
        raise _nothing(model, weights)
    skips = _skips(model, recipe, weights, example, notes)
    sparsity = dict.fromkeys(weights, recipe.final_sparsity)
    pattern = dict.fromkeys(weights, recipe.pattern)
    score = dict.fromkeys(weights, recipe.score)
    own: set[str] = set()
    for glob, override in recipe.overrides.items():
        for name in match(glob, weights, f"overrides[{glob!r}]"):
            if glob == name:  # a layer named in full is asked for, whatever the defaults skip
                if weights[name].blocked and not override.skip:
                    raise PruningError(f"overrides[{glob!r}]: it cannot be pruned: {weights[name].blocked}")
                skips.pop(name, None)
            if override.skip:
                skips[name] = f"override {glob!r}"
            if override.score is not None:
                score[name] = override.score
            if override.pattern is not None:
                pattern[name] = override.pattern
                if override.pattern.fixed_sparsity is not None:
                    sparsity[name] = override.pattern.fixed_sparsity
                    own.discard(name)
            if override.sparsity is not None:
                sparsity[name] = override.sparsity
                own.add(name)
    for name in weights:
        fixed = pattern[name].fixed_sparsity
        if fixed is not None and abs(fixed - sparsity[name]) > 1e-6:
            raise PruningError(
                f"layer {name!r}: pattern {pattern[name]} is {fixed:g} sparse by itself, "
                f"but an override asks for {sparsity[name]:g}; leave the sparsity out"
            )
        unknown = fixed is None and recipe.sparsity is None and recipe.budget is None
        if unknown and name not in own and name not in skips:
            raise PruningError(
                f"layer {name!r}: pattern {pattern[name]} needs a sparsity; give it in the override "
                f"or in the recipe"
            )
    layers = [
        Layer(weight, pattern[name], score[name], sparsity[name], name in own, skips.get(name, ""))
        for name, weight in weights.items()
    ]
    if all(layer.skip for layer in layers):
        raise PruningError(f"nothing to prune: all {len(layers)} prunable layers are skipped")
    notes.extend(_unexpected(layers))
    return layers


def _unexpected(layers: Iterable[Layer]) -> list[str]:
    """What is left dense for a reason of its own, and what is pruned though one might not think so."""
    notes = []
    for layer in layers:
        weight = layer.weight
        if layer.skip and layer.skip in (weight.blocked, weight.aside):
            notes.append(
                f"{layer.name or weight.path} ({weight.numel:,} weights) is left alone: {layer.skip}"
            )
        if not layer.skip and weight.shared:
            notes.append(
                f"{layer.name} shares its weight with {', '.join(weight.shared)}: they are pruned together"
            )
        found = weight.find()
        if not layer.skip and isinstance(found, nn.Parameter) and not found.requires_grad:
            notes.append(
                f"{layer.name or weight.path} is frozen (requires_grad=False) and pruned all the same"
            )
    return notes
