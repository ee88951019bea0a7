"""The call that prunes a network without training, from calibration inputs alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from secateur.errors import PruningError
from secateur.prune.example import Example, unwrap
from secateur.prune.layers import Layer, find_layers
from secateur.prune.patterns import Channel, Element, Pattern, parse_pattern
from secateur.prune.recipe import Recipe
from secateur.prune.report import Report, make_report
from secateur.prune.scores import L1
from secateur.prune.solve import solvers
from secateur.prune.solve.allocate import allocate, erk
from secateur.prune.solve.budget import Budget, choose_options
from secateur.prune.solve.choice import choice, mask_scores, solve, units_to_keep, write
from secateur.prune.solve.curves import Curve, curve, options
from secateur.prune.solve.effects import Changes, effects
from secateur.prune.solve.journal import Journal, fingerprint
from secateur.prune.solve.problem import Problem, gather, positions
from secateur.prune.solve.repair import chain_behind, repair_batch_norm
from secateur.prune.solve.walk import BATCH_NORMS, Pair, Walk, operator_name
from secateur.prune.targets import LayerTarget, Target, choose

SOLVERS = ("admm", "sweep", "mask")
TARGETS = ("dense", "own")
ALLOCATIONS = ("scope", "erk", "error")
SOLVABLE = ("linear", "conv1d", "conv2d")
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


class _Run:
    """One call of `one_shot`: the layers by the node that uses them, and what was settled for each."""

    def __init__(
        self, model: nn.Module, recipe: Recipe, walk: Walk, seed: int, journal: Journal | None = None
    ) -> None:
        self.model, self.recipe, self.walk, self.seed = model, recipe, walk, seed
        self.journal = journal
        self.notes: list[str] = []
        self.layers = find_layers(model, recipe, walk.batches[0], self.notes)
        for layer in self.layers:
            if isinstance(layer.pattern, Channel) and not layer.skip:
                raise PruningError(f"layer {layer.name!r}: one_shot prunes weights, not channels; use Pruner")
        self.targets = [LayerTarget(layer) for layer in self.layers if not layer.skip]
        if recipe.keep_zeros:
            for one in self.targets:
                one.keep_zeros()
        self.before = {
            layer.name: sum(p.numel() for p in layer.weight.holder()._parameters.values() if p is not None)
            for layer in self.layers
        }
        by_path = {one.layer.weight.path: one for one in self.targets}
        spare = {layer.weight.path: layer for layer in self.layers if layer.skip and not layer.weight.blocked}
        uses: dict[str, list[Node]] = {}
        for node in walk.graph.nodes:
            weight = node.args[1] if len(node.args) > 1 and operator_name(node) in SOLVABLE else None
            fed = node.args and node.args[0] not in walk.names  # by data, not by a parameter
            path = walk.names.get(weight) if isinstance(weight, Node) else None
            if fed and path is not None and (path in by_path or path in spare):
                uses.setdefault(path, []).append(node)
        self.unpruned = {
            nodes[0]: spare[path]
            for path, nodes in uses.items()
            if path in spare and not nodes[1:] and spare[path].parameter().requires_grad
        }
        uses = {path: nodes for path, nodes in uses.items() if path in by_path}
        self.solved = {nodes[0]: by_path[path] for path, nodes in uses.items()}
        for path, nodes in uses.items():
            if nodes[1:]:
                self.notes.append(
                    f"{by_path[path].name} is used {len(nodes)} times and fitted to its first use"
                )
        solved = {one.name for one in self.solved.values()}
        self.others = [one for one in self.targets if one.name not in solved]
        for one in self.others:
            self.notes.append(f"{one.name} is pruned by its score alone: no solver for this kind of layer")

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    # --- how sparse -------------------------------------------------------------------------------

    def settled_before(self) -> bool:
        """Take the plan of a run that goes on; whether there is one."""
        assert self.journal is not None
        plan = self.journal.plan
        if plan is None:
            return False
        settled, notes = plan
        for one in list(self.targets):
            pattern, sparsity, aim = settled[one.name]
            self._take(one, parse_pattern(pattern), sparsity, aim)
        self.notes += notes
        return True

    def _write_plan(self, before: int) -> None:
        """The notes past `before` are of what was settled."""
        if self.journal is not None:
            table = {
                one.name: [one.pattern.to_dict(), one.sparsity, one.layer.sparsity] for one in self.targets
            }
            self.journal.settle([table, self.notes[before:]])

    def _take(self, one: LayerTarget, pattern: Pattern, sparsity: float, aim: float) -> None:
        """Let a target have this pattern and sparsity, wherever it stands; `aim` is what reports say."""
        picked = one.with_pattern(pattern)
        picked.sparsity = sparsity
        for node, other in list(self.solved.items()):
            if other is one:
                self.solved[node] = picked
        self.targets[self.targets.index(one)] = picked
        at = self.layers.index(one.layer)
        self.layers[at] = picked.layer = dataclasses.replace(picked.layer, sparsity=aim)

    def settle(self, allocation: str, budget: Budget | None) -> None:
        """Set the sparsity of every target, and within a budget its pattern."""
        before = len(self.notes)
        if budget is not None:
            self._spend(budget)
        else:
            self._allocate(allocation)
        self._write_plan(before)

    def _allocate(self, allocation: str) -> None:
        free = [one for one in self.targets if one.pattern.fixed_sparsity is None and not one.own_sparsity]
        if allocation == "erk":
            found = erk({one.name: one.layer.weight.shape for one in free}, self.recipe.final_sparsity)
        elif allocation == "error":
            measured = self._curves({one.name: [one] for one in free})
            curves = {name: found for name, (found,) in measured.items()}
            sizes = {one.name: one.layer.weight.numel for one in free if one.name in curves}
            found = allocate(curves, sizes, self.recipe.final_sparsity) if curves else {}
        else:
            found = self._by_scope(free)
        for one in free:
            one.sparsity = found.get(one.name, one.sparsity)

    def _by_scope(self, free: list[LayerTarget]) -> dict[str, float]:
        keeps, scores = [one.keep.clone() for one in free], [one.score for one in free]
        for one in free:
            one.score = L1() if one.score.needs_inputs else one.score
        choose(list[Target](free), [one.sparsity for one in free], self.recipe.scope)
        found = {}
        for one, keep in zip(free, keeps, strict=True):
            _, sizes = one._scores()
            found[one.name] = 1.0 - float((sizes * one.keep).sum()) / float(sizes.sum())
            one.keep = keep
        for one, score in zip(free, scores, strict=True):
            one.score = score
        return found

    def _curves(self, wanted: dict[str, list[LayerTarget]]) -> dict[str, list[Curve]]:
        """What each layer loses at rising sparsities, under each of its targets' patterns: inputs dense.

        Its error counts by what it does to the network's outputs; by itself where they have no gradient.
        """
        found: dict[str, list[Curve]] = {}
        changes: dict[Node, Changes] = {}
        generator = self._generator()

        def visit(node: Node, values: dict[Node, Pair]) -> None:
            one = self.solved.get(node)
            if one is None or one.name not in wanted:
                return
            problem = self._problem(node, one.layer, values, "own", generator)
            weight = self._matrix(one.layer)
            gram = problem.damped().to(weight.dtype)
            curves = [curve(other, weight, gram, choice) for other in wanted[one.name]]
            found[one.name] = [measured for measured, _, _ in curves]
            mean = problem.inputs if problem.centred else torch.zeros_like(problem.inputs)
            changes[node] = Changes(torch.cat([tried for _, tried, _ in curves]), curves[0][2], mean)

        self.walk.run(visit, pruned=False)
        by_effect = effects(self.walk, changes, generator)
        if not by_effect and changes:
            self.notes.append(
                "the outputs have no gradient: layers' errors are compared by their own outputs alone"
            )
        for node, values in by_effect.items():
            name, rest = self.solved[node].name, values.tolist()
            for number, (at, _) in enumerate(found[name]):
                found[name][number] = at, rest[: len(at)]
                rest = rest[len(at) :]
        return found

    def _spend(self, budget: Budget) -> None:
        """Choose patterns and sparsities of the layers that are solved, within a budget of the whole."""
        free = {node: one for node, one in self.solved.items() if not one.own_sparsity}
        rivals = {
            one.name: [one.with_pattern(parse_pattern(p)) for p in budget.patterns] or [one]
            for one in free.values()
        }
        places = {node: positions(node) for node in (*self.solved, *self.unpruned)}
        fixed = self._fixed_cost(budget, places)
        weights = {node: one.layer.weight for node, one in free.items()}
        plain = {
            one.name: budget.cost(
                one.name, weights[node].rows, weights[node].cols, places[node], Element(), 0.0
            )
            for node, one in free.items()
        }
        dense = fixed + sum(plain.values())
        limit = budget.limit_of(dense) - fixed
        if limit <= 0:
            raise PruningError(
                f"budget: {budget.limit_of(dense):.6g} {budget.kind} is below what is not pruned, {fixed:.6g}"
            )
        curves, choices = self._curves(rivals), {}
        for node, one in free.items():
            named = {
                str(r.pattern): (r.pattern, c)
                for r, c in zip(rivals[one.name], curves[one.name], strict=True)
            }
            shape = weights[node].rows, weights[node].cols
            choices[one.name] = options(budget, one.name, shape, places[node], named)
        chosen = choose_options(choices, limit)
        for one in free.values():
            option = chosen[one.name]
            self._take(one, parse_pattern(option.pattern), option.sparsity, option.sparsity)
        spent = fixed + sum(option.cost for option in chosen.values())
        self.notes.append(
            f"budget: {spent:.6g} {budget.kind} of at most {budget.limit_of(dense):.6g}; dense {dense:.6g}"
        )

    def _fixed_cost(self, budget: Budget, places: dict[Node, int]) -> float:
        """What the parts take that no choice is made for."""
        if budget.kind == "milliseconds":
            return budget.rest
        own = [(node, one.layer, one.sparsity) for node, one in self.solved.items() if one.own_sparsity]
        rest = [(node, layer, 0.0) for node, layer in self.unpruned.items()]
        total = 0.0
        for node, layer, sparsity in (*own, *rest):
            weight = layer.weight
            total += budget.cost(layer.name, weight.rows, weight.cols, places[node], layer.pattern, sparsity)
        if budget.kind == "flops":
            return total
        counted = {
            layer.weight.path
            for layer in (*(one.layer for one in self.solved.values()), *self.unpruned.values())
        }
        others = sum(p.numel() for name, p in self.model.named_parameters() if name not in counted)
        return total + others * (4 if budget.kind == "bytes" else 1)

    # --- pruning ----------------------------------------------------------------------------------

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

    def _matrix(self, layer: Layer) -> Tensor:
        return layer.weight.matrix(layer.parameter().detach()).float()

    def _problem(
        self, node: Node, layer: Layer, values: dict[Node, Pair], target: str, generator: torch.Generator
    ) -> Problem:
        source = node.args[0]
        assert isinstance(source, Node)
        inputs, outputs = values[source].pruned, values[node].dense
        behind = chain_behind(self.walk, node, values)
        if target == "dense" and behind.lacking is not None:
            outputs = [y + behind.lacking(i) for i, y in enumerate(outputs)]
        elif target == "own" and not values[source].same:
            outputs = [self.walk._call(node, values, i, dense=False) for i in range(len(inputs))]
        centred = behind.batch_norm or (len(node.args) > 2 and node.args[2] is not None)
        groups = layer.weight.groups
        return gather(node, layer.name, inputs, outputs, groups=groups, centred=centred, generator=generator)

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
