"""Recipes: everything that says how to prune, as one value that can be written to a file."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secateur.errors import PruningError
from secateur.files import save_atomically
from secateur.prune.goal import Goal
from secateur.prune.patterns import Channel, Pattern, parse_pattern
from secateur.prune.schedules import Schedule, parse_schedule
from secateur.prune.scopes import Scope, parse_scope
from secateur.prune.scores import Score, ScoreFunction, parse_score

Spec = str | Mapping[str, Any]  # a name, or a table with a name and arguments


def _check_sparsity(value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PruningError(f"{where}: expected a number in [0, 1), got {value!r}")
    if not (math.isfinite(value) and 0.0 <= value < 1.0):
        raise PruningError(f"{where}: must be in [0, 1), the fraction of weights to remove; got {value}")


def _check_fixed(pattern: Pattern, sparsity: float | None, where: str) -> None:
    fixed = pattern.fixed_sparsity
    if fixed is not None and sparsity is not None and abs(fixed - sparsity) > 1e-6:
        raise PruningError(
            f"{where}: pattern {pattern} is {fixed:g} sparse by itself; leave the sparsity out"
        )


def _set(frozen: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(frozen, name, value)


def _check_names(table: Mapping[str, Any], known: list[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"fields are {', '.join(known)}"
            raise PruningError(f"{where}{key}: there is no such field; {hint}")


@dataclass(frozen=True, init=False)
class Override:
    """What differs for the layers whose names match a glob. None keeps the recipe's own value.

    >>> Override(sparsity=0.5, pattern="4x1")
    Override(sparsity=0.5, pattern=Block(rows=4, cols=1, by_tap=False), skip=False, score=None)
    """

    sparsity: float | None
    pattern: Pattern | None
    skip: bool
    score: Score | None

    def __init__(
        self,
        sparsity: float | None = None,
        pattern: Pattern | Spec | None = None,
        skip: bool = False,
        score: Score | Spec | ScoreFunction | None = None,
        *,
        where: str = "override",
    ) -> None:
        if sparsity is not None:
            _check_sparsity(sparsity, f"{where}.sparsity")
        if not isinstance(skip, bool):
            raise PruningError(f"{where}.skip: expected true or false, got {skip!r}")
        parsed = None if pattern is None else parse_pattern(pattern, f"{where}.pattern")
        if parsed is not None:
            _check_fixed(parsed, sparsity, f"{where}.sparsity")
        chosen = None if score is None else parse_score(score, f"{where}.score")
        _set(self, sparsity=sparsity, pattern=parsed, skip=skip, score=chosen)

    @classmethod
    def parse(cls, spec: object, where: str) -> Override:
        """From an Override or a table; raises PruningError naming the field under `where`."""
        if isinstance(spec, cls):
            return spec
        if not isinstance(spec, Mapping):
            raise PruningError(
                f"{where}: expected a table with sparsity, pattern, score or skip, got {spec!r}"
            )
        _check_names(spec, ["sparsity", "pattern", "skip", "score"], f"{where}.")
        return cls(**spec, where=where)

    def to_dict(self) -> dict[str, Any]:
        """The table of this override, with only what it changes."""
        table: dict[str, Any] = {}
        if self.sparsity is not None:
            table["sparsity"] = self.sparsity
        if self.pattern is not None:
            table["pattern"] = self.pattern.to_dict()
        if self.score is not None:
            table["score"] = self.score.to_dict()
        if self.skip:
            table["skip"] = True
        return table


@dataclass(frozen=True, init=False)
class Recipe:
    """How to prune a network.

    sparsity: fraction of weights (of channels, for the channel pattern) to remove, in [0, 1);
        left out for N:M patterns.
    pattern: "element", a block "4x1" (rows x cols; "1x4 by tap": of input channels), N:M "2:4",
        "channel", or a Pattern.
    scope: "global" (one threshold over layers) or "uniform" (each layer the same), or a Scope. By default
        global, but uniform for channels, whose scores compare less well between layers.
    score: "l1", "l2", a Score, or a function ``f(matrix, layer_name)``.
    schedule: a Schedule, or a table such as ``{"name": "cubic", "begin": 0, "end": 1000, "every": 100}``.
    overrides: from a glob over layer names to an `Override` or its table; of several that match, the last.
    skip: globs of layers to leave alone.
    skip_depthwise, skip_embedding, skip_first, skip_last: leave these layers alone. Depthwise layers hold
        few weights and an embedding is looked up, not multiplied: both are skipped unless asked for; with
        the channel pattern depthwise layers always follow their input. First and last are those that no
        other layer comes before or after when the network runs, all heads of several.
    keep_zeros: weights that are zero when pruning begins count as pruned and stay zero.
    budget: in place of a sparsity what the network may take: "params=0.3" (of the dense network's),
        "flops=0.5", "bytes=500k" or "ms=12"; the sparsity is found when the pruner is made.

    Every field takes the object or its short form; wrong values raise PruningError naming the field.

    >>> recipe = Recipe(sparsity=0.9, pattern="4x1", overrides={"classifier.*": {"sparsity": 0.5}})
    >>> recipe.pattern, recipe.overrides["classifier.*"].sparsity
    (Block(rows=4, cols=1, by_tap=False), 0.5)
    >>> Recipe.from_dict(recipe.to_dict()) == recipe
    True
    >>> Recipe(sparsity=90)
    Traceback (most recent call last):
    secateur.errors.PruningError: sparsity: must be in [0, 1), the fraction of weights to remove; got 90
    """

    sparsity: float | None
    pattern: Pattern
    scope: Scope
    score: Score
    schedule: Schedule
    overrides: Mapping[str, Override]
    skip: tuple[str, ...]
    skip_depthwise: bool
    skip_first: bool
    skip_last: bool
    skip_embedding: bool
    keep_zeros: bool
    budget: str | None

    def __init__(
        self,
        sparsity: float | None = None,
        pattern: Pattern | Spec = "element",
        scope: Scope | Spec | None = None,
        score: Score | Spec | ScoreFunction = "l1",
        schedule: Schedule | Spec = "constant",
        overrides: Mapping[str, Override | Mapping[str, Any]] | None = None,
        skip: Sequence[str] = (),
        skip_depthwise: bool = True,
        skip_first: bool = False,
        skip_last: bool = False,
        skip_embedding: bool = True,
        keep_zeros: bool = True,
        budget: str | None = None,
    ) -> None:
        shape = parse_pattern(pattern)
        if sparsity is not None:
            _check_sparsity(sparsity, "sparsity")
        elif shape.fixed_sparsity is None and budget is None:
            raise PruningError(f"sparsity: pattern {shape} needs one, a number in [0, 1)")
        _check_fixed(shape, sparsity, "sparsity")
        if budget is not None:
            Goal.parse(budget)
            if sparsity is not None:
                raise PruningError("budget: give a sparsity or a budget, which finds one")
        if scope is None:
            scope = "uniform" if isinstance(shape, Channel) else "global"
        if overrides is not None and not isinstance(overrides, Mapping):
            raise PruningError("overrides: expected a table from layer names or globs to what differs")
        if isinstance(skip, str) or not all(isinstance(glob, str) for glob in skip):
            raise PruningError(f"skip: expected a list of layer names or globs, got {skip!r}")
        flags = {
            "skip_depthwise": skip_depthwise,
            "skip_first": skip_first,
            "skip_last": skip_last,
            "skip_embedding": skip_embedding,
            "keep_zeros": keep_zeros,
        }
        for name, flag in flags.items():
            if not isinstance(flag, bool):
                raise PruningError(f"{name}: expected true or false, got {flag!r}")
        _set(
            self,
            sparsity=sparsity,
            pattern=shape,
            scope=parse_scope(scope),
            score=parse_score(score),
            schedule=parse_schedule(schedule),
            overrides={k: Override.parse(v, f"overrides[{k!r}]") for k, v in (overrides or {}).items()},
            skip=tuple(skip),
            budget=budget,
            **flags,
        )

    @property
    def final_sparsity(self) -> float:
        """The sparsity that layers without an override end at."""
        fixed = self.pattern.fixed_sparsity
        return fixed if self.sparsity is None and fixed is not None else float(self.sparsity or 0.0)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Recipe:
        """A recipe from a table, as `to_dict` writes it or in short forms."""
        _check_names(table, [f.name for f in dataclasses.fields(cls)], "")
        return cls(**table)

    def to_dict(self) -> dict[str, Any]:
        """A table of plain values that JSON and TOML can hold."""
        table: dict[str, Any] = {} if self.sparsity is None else {"sparsity": self.sparsity}
        for name in ("pattern", "scope", "score", "schedule"):
            table[name] = getattr(self, name).to_dict()
        table["overrides"] = {glob: override.to_dict() for glob, override in self.overrides.items()}
        table["skip"] = list(self.skip)
        for name in ("skip_depthwise", "skip_first", "skip_last", "skip_embedding", "keep_zeros"):
            table[name] = getattr(self, name)
        if self.budget is not None:
            table["budget"] = self.budget
        return table

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """A recipe from a ``.json``, ``.toml`` or ``.yaml`` file; errors name the file and the field."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise PruningError(f"{path}: cannot read the recipe: {reason}") from None
        try:
            table = _parse_text(path, text)
            if not isinstance(table, dict):
                raise PruningError("expected a table of fields")
            return cls.from_dict(table)
        except (PruningError, ValueError) as error:
            raise PruningError(f"{path}: {error}") from None
        except RecursionError:
            raise PruningError(f"{path}: it is nested too deeply") from None

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON, whole or not at all. Raises SaveError."""
        save_atomically(path, (json.dumps(self.to_dict(), indent=2) + "\n").encode())


def _parse_text(path: Path, text: str) -> object:
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix == ".toml":
        try:
            import tomllib  # type: ignore[import-not-found,unused-ignore]
        except ModuleNotFoundError:
            raise PruningError("TOML needs Python 3.11 or later; write the recipe as JSON") from None
        return tomllib.loads(text)
    if path.suffix in (".yaml", ".yml"):
        try:
            import yaml  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ModuleNotFoundError:
            raise PruningError(
                "YAML needs PyYAML (pip install pyyaml); or write it as JSON or TOML"
            ) from None
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise PruningError(" ".join(str(error).split())) from None
    raise PruningError(
        f"a recipe is a .json, .toml or .yaml file, not {path.suffix or 'a file without ending'}"
    )
