"""The call that prunes a network without training, from calibration inputs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from secateur.errors import PruningError
from secateur.prune.example import Example, unwrap
from secateur.prune.layers import Layer
from secateur.prune.recipe import Recipe
from secateur.prune.report import Report, make_report
from secateur.prune.scores import L1
from secateur.prune.solve import solvers
from secateur.prune.solve.budget import Budget
from secateur.prune.solve.choice import choice, mask_scores, solve, units_to_keep, write
from secateur.prune.solve.journal import Journal, fingerprint
from secateur.prune.solve.problem import Problem
from secateur.prune.solve.repair import repair_batch_norm
from secateur.prune.solve.shares import Shares
from secateur.prune.solve.walk import BATCH_NORMS, Pair, Walk, operator_name
from secateur.prune.targets import LayerTarget

SOLVERS = ("admm", "sweep", "mask")
TARGETS = ("dense", "own")
ALLOCATIONS = ("scope", "erk", "error")
DETERMINED = 8  # samples for each column, below which a layer that is not pruned is left as it is
Progress = Callable[[int, int, str], None]


def one_shot(
    model: nn.Module,
    recipe: Recipe | Mapping[str, Any],
    calibration: Iterable[Any],
    *,
    solver: str = "admm",
    target: str = "dense",
    refit: bool = True,
    repair: bool = True,
    allocation: str = "scope",
    budget: Budget | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    resume: str | Path | None = None,
) -> Report:
    """Prune `model` in place without training: every layer is fitted to what the dense network computes.

    Layers are taken in the order in which they run. For each, the Gram matrix of its inputs *in the network
    pruned so far* is gathered, with the outputs it has in the dense network (less what a residual sum
    behind it already lacks); the best dense weights for that are found, then a mask by `solver`, then the
    best weights under the mask. Batch norms are set so that each channel has its dense mean and variance.

    recipe: pattern, scope, overrides, skips; its schedule is not used. Channels cannot be pruned this way.
    calibration: batches without labels (tensors, tuples of arguments, or mappings from their names), all
        of one shape; some 100 to 500 inputs. A last batch of another shape is left out, and said.
    solver: "admm" (ALPS) or "sweep" (SparseGPT) with weights updated; "mask": the recipe's score, or
        "wanda" as the score, alone.
    target: "dense", as above, or "own": each layer's own dense weights on its own inputs, as published.
    refit: the best weights under the mask, exactly, row by row.
    repair: layers that are not pruned (depthwise ones, those skipped) are fitted to the dense network's
        outputs too, where the inputs determine them; only with the target "dense". Frozen ones stay.
    allocation: "scope": sparsities as the recipe's scope gives them; "erk"; "error": those with the least
        sum over layers of what their errors do to the outputs, to first order, for the same total, by
        dynamic programming over error curves.
    budget: in place of an allocation, what the network may take: choices of pattern and sparsity with the
        least such sum, by dynamic programming. The recipe's own sparsity is then not used, but
        for layers whose override gives one.
    memory: bytes of activations held, half of what is free where None; what is above lies in temporary files.
    progress: called with (layers done, layers, name).
    resume: a folder in which each layer is written down when it is done. The same call with the same dense
        network and inputs goes on there after whatever ended it, and gives the same bits; it runs the network
        again up to that point, and solves nothing twice. The folder is the caller's to remove.

    Raises PruningError for bad input, before the network is touched where that can be known.

    >>> _ = torch.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8)).eval()
    >>> x = torch.randn(256, 16)
    >>> want = model(x)
    >>> one_shot(model, {"sparsity": 0.5, "scope": "uniform"}, x.split(64)).sparsity
    0.5
    >>> bool((model(x) - want).square().mean() < 0.2 * want.var())
    True
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe)
    for name, value, known in (
        ("solver", solver, SOLVERS), ("target", target, TARGETS), ("allocation", allocation, ALLOCATIONS),
    ):  # fmt: skip
        if value not in known:
            raise PruningError(f"{name}: {value!r} is none of {', '.join(known)}")
    inner = unwrap(model)
    batches = [Example.of(batch, inner).fitted(inner) for batch in calibration]
    walk = Walk(inner, batches, memory)
    journal = None
    if resume is not None:
        options = {"solver": solver, "target": target, "refit": refit, "repair": repair, "seed": seed}
        options |= {"allocation": allocation, "budget": budget, "recipe": recipe.to_dict()}
        journal = Journal(resume, fingerprint(inner, batches, options))
    run = _Run(inner, recipe, walk, seed, journal)
    if walk.dropped:
        run.notes.append(f"calibration: {walk.dropped} batches of another shape than the first are left out")
    if budget is None and recipe.budget is not None:
        budget = Budget.parse(recipe.budget)
    if budget is not None and allocation != "scope":
        raise PruningError("give a budget or an allocation: a budget brings its own")
    if journal is None or not run.settled_before():
        run.settle(allocation, budget)
    return run.prune(solver, target, refit, repair, progress)


class _Run(Shares):
    """One call of `one_shot`: what was settled is pruned, fitted and written down."""

    def prune(self, solver: str, target: str, refit: bool, repair: bool, progress: Progress | None) -> Report:
        """Go through the network once, and report."""
        for one in self.others:
            scores, sizes = one._scores()
            one.keep = units_to_keep(one, scores, sizes) & one.keep
            write(one.layer, self._matrix(one.layer) * one.layer.unview(one.mask()))
        generator, done, visited = self._generator(), [0], [0]
        repairs = repair and target == "dense" and solver != "mask"

        def visit(node: Node, values: dict[Node, Pair]) -> None:
            one = self.solved.get(node)
            if operator_name(node) in BATCH_NORMS:
                repair_batch_norm(self.walk, node, values)
            layer = one.layer if one is not None else self.unpruned.get(node) if repairs else None
            if layer is None:
                return
            if not self._restored(node, layer, one, visited[0], generator):
                if one is None:
                    self._repair(node, values, generator)
                else:
                    problem = self._problem(node, layer, values, target, generator)
                    self._fit(one, node, problem, solver, target, refit)
                self._write_down(node, layer, one, visited[0], generator)
            visited[0] += 1
            if one is not None:
                done[0] += 1
                if progress is not None:
                    progress(done[0], len(self.solved), one.name)

        self.walk.run(visit)
        return make_report(self.layers, self.targets, self.before, self.notes, 1, True)

    def _write_down(
        self, node: Node, layer: Layer, one: LayerTarget | None, number: int, generator: torch.Generator
    ) -> None:
        if self.journal is None:
            return
        tensors = {"weight": layer.parameter().detach(), "generator": generator.get_state()}
        if one is not None:
            tensors["keep"] = one.keep
        if (bias := self._bias(node)) is not None:
            tensors["bias"] = bias.detach()
        self.journal.keep(number, layer.name, tensors)

    def _restored(
        self, node: Node, layer: Layer, one: LayerTarget | None, number: int, generator: torch.Generator
    ) -> bool:
        """Take a layer from the journal; whether it stood there."""
        found = None if self.journal is None else self.journal.done(number, layer.name)
        if found is None:
            return False
        with torch.no_grad():
            layer.parameter().copy_(found["weight"])
            if (bias := self._bias(node)) is not None:
                bias.copy_(found["bias"])
        if one is not None:
            one.keep = found["keep"]
        generator.set_state(found["generator"])
        return True

    def _bias(self, node: Node) -> Tensor | None:
        bias = node.args[2] if len(node.args) > 2 else None
        return self.walk.live(bias) if isinstance(bias, Node) and bias in self.walk.names else None

    def _fit(
        self, one: LayerTarget, node: Node, problem: Problem, solver: str, target: str, refit: bool
    ) -> None:
        weight = self._matrix(one.layer)
        groups, allowed = len(problem.gram), one.layer.unview(one.mask())
        if solver == "mask":
            scores = mask_scores(one, weight, problem)
            kept = choice(one, scores.masked_fill(~allowed, 0)) & allowed
            fitted = weight * kept
        else:
            grouped = weight.reshape(groups, -1, weight.shape[1])
            if target == "dense":
                dense, gram = problem.best(grouped)
            else:
                dense, gram = grouped, problem.damped().to(weight.dtype)
            fitted, kept = solve(one, dense, gram, allowed, solver)
            if refit:
                masks = kept.reshape(dense.shape)
                parts = [solvers.refit(d, g, m) for d, g, m in zip(dense, gram, masks, strict=True)]
                fitted = torch.stack(parts).reshape(weight.shape)
        one.keep = one.pattern.unit_scores(one.layer.view(kept.float()), L1()).cpu() > 0
        write(one.layer, fitted)
        if solver != "mask" and target == "dense":
            self._shift(node, problem, fitted)

    def _shift(self, node: Node, problem: Problem, fitted: Tensor) -> None:
        if (bias := self._bias(node)) is not None:
            grouped = fitted.reshape(len(problem.gram), -1, fitted.shape[1])
            bias.copy_(problem.shift(grouped))

    def _repair(self, node: Node, values: dict[Node, Pair], generator: torch.Generator) -> None:
        """Fit a layer that is not pruned to its dense outputs, as its inputs now are."""
        source, layer = node.args[0], self.unpruned[node]
        assert isinstance(source, Node)
        weight = self._matrix(layer)
        if values[source].same or not bool(torch.isfinite(weight).all()):
            return
        problem = self._problem(node, layer, values, "dense", generator)
        if problem.samples < DETERMINED * weight.shape[1]:
            return
        grouped = weight.reshape(len(problem.gram), -1, weight.shape[1])
        dense, gram = problem.best(grouped)
        if self.recipe.keep_zeros and bool((weight == 0).any()):
            masks = grouped != 0
            dense = torch.stack([solvers.refit(*part) for part in zip(dense, gram, masks, strict=True)])
        fitted = dense.reshape(weight.shape)
        write(layer, fitted)
        self._shift(node, problem, fitted)
