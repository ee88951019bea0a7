"""How sparse each layer of a network gets in `one_shot`: by scope, by error curves, within a budget."""

from __future__ import annotations

import dataclasses

import torch
from torch.fx import Node

from secateur.errors import PruningError
from secateur.prune.patterns import Element, Pattern, parse_pattern
from secateur.prune.scores import L1
from secateur.prune.solve.allocate import allocate, erk
from secateur.prune.solve.budget import Budget, choose_options
from secateur.prune.solve.choice import choice
from secateur.prune.solve.curves import Curve, curve, options
from secateur.prune.solve.effects import Changes, effects
from secateur.prune.solve.problem import positions
from secateur.prune.solve.used import Used
from secateur.prune.solve.walk import Pair
from secateur.prune.targets import LayerTarget, Target, choose


class Shares(Used):
    """Settles the sparsity of every target, and within a budget its pattern."""

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
