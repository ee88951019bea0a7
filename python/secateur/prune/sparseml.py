"""Recipes of SparseML, as far as they prune: their common modifiers read as a `Recipe`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from secateur.errors import PruningError
from secateur.prune.example import unwrap
from secateur.prune.recipe import Override, Recipe
from secateur.prune.schedules import Constant, Cubic, Linear, Schedule
from secateur.prune.weights import find_weights

PRUNING = ("GMPruningModifier", "MagnitudePruningModifier", "GlobalMagnitudePruningModifier")
CONSTANT = "ConstantPruningModifier"
IGNORED = {
    "EpochRangeModifier": "how long to train is the training loop's",
    "SetLearningRateModifier": "learning rates are the optimizer's",
    "LearningRateFunctionModifier": "learning rates are the optimizer's",
    "StepLearningRateModifier": "learning rates are the optimizer's",
    "SetWeightDecayModifier": "weight decay is the optimizer's",
}
ALL = ("__ALL_PRUNABLE__", "__ALL__")
Modifier = tuple[str, Mapping[str, Any]]


def recipe_from_sparseml(
    source: str | Path | Mapping[str, Any], model: nn.Module, steps_per_epoch: int
) -> tuple[Recipe, list[str]]:
    """(the `Recipe`, sentences on what was left out) of a recipe that was written for SparseML.

    Read are GMPruningModifier, MagnitudePruningModifier and GlobalMagnitudePruningModifier (sparsities,
    epochs, update frequency, cubic or linear, unstructured, blocks of four and N:M masks) and
    ConstantPruningModifier; those of learning rates and weight decay are left out, with a sentence.

    source: a file (YAML, by PyYAML), or the table that it holds. model: whose layers its `params` name.
    steps_per_epoch: steps of the optimizer in an epoch; a recipe counts epochs, `Pruner.step` counts steps.

    Raises PruningError for modifiers and fields that are not understood, all of them in one sentence.

    >>> table = {"modifiers": [{"GMPruningModifier": {"params": "__ALL_PRUNABLE__", "init_sparsity": 0.05,
    ...     "final_sparsity": 0.8, "start_epoch": 1, "end_epoch": 11, "update_frequency": 0.5}}]}
    >>> recipe, notes = recipe_from_sparseml(table, nn.Linear(4, 4), steps_per_epoch=10)
    >>> recipe.schedule
    Cubic(begin=10, end=110, every=5, initial=0.05)
    """
    modifiers = list(_modifiers(_table(source)))
    unknown = sorted({kind for kind, _ in modifiers} - {*PRUNING, CONSTANT, *IGNORED})
    if unknown:
        raise PruningError(
            f"the recipe has modifiers that have no counterpart here: {', '.join(unknown)}; take them out, "
            f"and do what they do in the training loop (int8 is `secateur quantize`)"
        )
    notes = [f"{kind} is left out: {IGNORED[kind]}" for kind, _ in modifiers if kind in IGNORED]
    pruning = [(kind, fields) for kind, fields in modifiers if kind in PRUNING]
    constant = [fields for kind, fields in modifiers if kind == CONSTANT]
    if not pruning and not constant:
        raise PruningError("the recipe prunes nothing: it has none of " + ", ".join((*PRUNING, CONSTANT)))
    names = {weight.path: name for name, weight in find_weights(unwrap(model)).items()}
    overrides: dict[str, Override] = {}
    schedules: list[Schedule] = []
    globals_: set[bool] = set()
    for fields in constant:
        for name in _layers(fields, names, CONSTANT):
            overrides[name] = Override(sparsity=0.0)  # what is zero stays so, and nothing is added
    for kind, fields in pruning:
        schedules.append(_schedule(kind, fields, steps_per_epoch))
        globals_.add(kind.startswith("Global") or bool(fields.get("global_sparsity", False)))
        pattern = _pattern(kind, fields)
        for name in _layers(fields, names, kind):
            fixed = ":" in pattern
            overrides[name] = Override(None if fixed else _number(kind, fields, "final_sparsity"), pattern)
    if len(set(schedules)) > 1:
        raise PruningError(
            "the recipe's pruning modifiers run at different epochs or by different functions; a Recipe has "
            "one schedule: make one Recipe of each, and prune one after the other"
        )
    if globals_ == {True} and len(pruning) == 1 and not constant:
        only = next(iter(overrides.values()))
        sparsity, pattern_only = only.sparsity, only.pattern
        skip = [name for name in names.values() if name not in overrides]
        assert pattern_only is not None
        return Recipe(sparsity, pattern_only, "global", schedule=schedules[0], skip=skip), notes
    if True in globals_:
        raise PruningError(
            "a global modifier stands beside others, whose layers would have thresholds of their own"
        )
    skip = [name for name in names.values() if name not in overrides]
    schedule = schedules[0] if schedules else Constant()
    return Recipe(0.0, scope="uniform", schedule=schedule, overrides=overrides, skip=skip), notes


def _table(source: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    path = Path(source)
    try:
        import yaml  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise PruningError("SparseML's recipes are YAML, which needs PyYAML (pip install pyyaml)") from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc,name-defined,unused-ignore]
        """Reads !Modifier {fields} as {"Modifier": fields}."""

    Loader.add_multi_constructor("!", lambda loader, tag, node: {tag: loader.construct_mapping(node, True)})
    try:
        text = path.read_text(encoding="utf-8")
        if text.startswith("---"):  # front matter of a Markdown card
            text = text.split("\n---", 1)[0]
        found = yaml.load(text, Loader)
    except OSError as error:
        raise PruningError(f"{path}: cannot read the recipe: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise PruningError(f"{path}: {' '.join(str(error).split())}") from None
    if not isinstance(found, Mapping):
        raise PruningError(f"{path}: expected a table with modifiers")
    return found


def _modifiers(table: Mapping[str, Any]) -> Iterator[Modifier]:
    """Of all stages, in order: lists of {name: fields}, or tables of them, under keys in -modifiers."""
    for key, value in table.items():
        if str(key).endswith("modifiers"):
            for entry in value if isinstance(value, list) else [value]:
                if not isinstance(entry, Mapping):
                    raise PruningError(f"{key}: expected modifiers with their fields, got {entry!r}")
                for name, fields in entry.items():
                    yield str(name), fields if isinstance(fields, Mapping) else {}
        elif isinstance(value, Mapping):
            yield from _modifiers(value)


def _number(kind: str, fields: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = fields.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PruningError(f"{kind}.{key}: expected a number, got {value!r} (formulas are not evaluated)")
    return float(value)


def _schedule(kind: str, fields: Mapping[str, Any], steps: int) -> Schedule:
    begin = round(_number(kind, fields, "start_epoch", 0.0) * steps)
    end = round(_number(kind, fields, "end_epoch") * steps)
    every = max(1, round(_number(kind, fields, "update_frequency", 1.0) * steps))
    initial = _number(kind, fields, "init_sparsity", 0.0)
    function = str(fields.get("inter_func", "cubic"))
    if function not in ("cubic", "linear"):
        raise PruningError(f"{kind}.inter_func: {function!r} is none of cubic, linear")
    return (Cubic if function == "cubic" else Linear)(begin, end, every, initial)


def _pattern(kind: str, fields: Mapping[str, Any]) -> str:
    mask = fields.get("mask_type", fields.get("mask_structure", "unstructured"))
    if mask == "unstructured":
        return "element"
    if mask in ("block4", "block"):
        return "1x4"
    if isinstance(mask, (list, tuple)) and len(mask) == 2 and all(isinstance(n, int) for n in mask):
        return f"{mask[0]}x{mask[1]}"
    if isinstance(mask, str) and re.fullmatch(r"\d+:\d+", mask):
        return mask
    raise PruningError(f"{kind}.mask_type: {mask!r} is none of unstructured, block4, [rows, columns], N:M")


def _layers(fields: Mapping[str, Any], names: Mapping[str, str], kind: str) -> list[str]:
    """Names of layers by `params` (of older recipes) or `targets`: parameters, layers, or re:PATTERN."""
    wanted = fields.get("params", fields.get("targets", ALL[0]))
    wanted = [wanted] if isinstance(wanted, str) else wanted
    found: list[str] = []
    for word in wanted:
        if word in ALL:
            hits = list(names.values())
        elif str(word).startswith("re:"):
            expression = re.compile(str(word)[3:])
            hits = [name for path, name in names.items() if expression.match(path) or expression.match(name)]
        else:
            hits = [name for path, name in names.items() if word in (path, name)]
        if not hits:
            raise PruningError(f"{kind}.params: no weight of the network is {word!r}")
        found += hits
    return found
