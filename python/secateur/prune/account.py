"""What each layer of a network takes before and after pruning: parameters, FLOPs, bytes, predicted time."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.utils import _pytree as pytree

from secateur.prune.example import Example, twin
from secateur.prune.graph_weights import positions_in_graph
from secateur.prune.layers import Layer
from secateur.prune.patterns import Channel, Element, Pattern
from secateur.prune.solve.budget import CostFunction, stored_bytes
from secateur.prune.targets import GroupTarget, LayerTarget, Target
from secateur.prune.weights import EMBEDDINGS


@dataclass(frozen=True)
class Cost:
    """parameters: weights that are not zero; flops: two for each multiplication, for one input; bytes: of
    the weight in a model file; milliseconds: as a cost function predicts them, None without one."""

    parameters: float
    flops: float
    bytes: float
    milliseconds: float | None

    def of(self, kind: str) -> float:
        """One of the four by its name."""
        return float(getattr(self, kind))


@dataclass(frozen=True)
class LayerAccount:
    """One weight: `positions` is how often it is applied to one input (pixels, tokens)."""

    name: str
    pattern: str  # "" where it is left alone
    sparsity: float  # of what the pattern takes: zeros, or channels gone with what they touch
    positions: int
    before: Cost
    after: Cost


@dataclass(frozen=True)
class Account:
    """All layers; `others`: parameters that are no weights, before and after."""

    layers: tuple[LayerAccount, ...]
    others: tuple[int, int]
    unit: str  # of the predicted time

    @property
    def before(self) -> Cost:
        """Of the whole network as it was."""
        return self._sum([row.before for row in self.layers], self.others[0])

    @property
    def after(self) -> Cost:
        """Of the whole network once it is pruned."""
        return self._sum([row.after for row in self.layers], self.others[1])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        whole = {"before": dataclasses.asdict(self.before), "after": dataclasses.asdict(self.after)}
        return {**dataclasses.asdict(self), **whole}

    def __str__(self) -> str:
        timed = self.before.milliseconds is not None
        head = ["layer", "pattern", "sparsity", "parameters", "MFLOPs", "kB", *([self.unit] if timed else [])]
        rows = [head]
        for row in self.layers:
            rows.append([row.name, row.pattern or "-", f"{row.sparsity:.1%}", *_cells(row.before, row.after)])
        rows.append(["all", "", "", *_cells(self.before, self.after)])
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )

    def _sum(self, costs: Sequence[Cost], others: int) -> Cost:
        times = [cost.milliseconds for cost in costs if cost.milliseconds is not None]
        return Cost(
            sum(cost.parameters for cost in costs) + others,
            sum(cost.flops for cost in costs),
            sum(cost.bytes for cost in costs) + 4 * others,
            sum(times) if times else None,
        )


def _cells(before: Cost, after: Cost) -> list[str]:
    pairs = [
        (f"{before.parameters:,.0f}", f"{after.parameters:,.0f}"),
        (f"{before.flops / 1e6:.3g}", f"{after.flops / 1e6:.3g}"),
        (f"{before.bytes / 1e3:.4g}", f"{after.bytes / 1e3:.4g}"),
    ]
    if before.milliseconds is not None and after.milliseconds is not None:
        pairs.append((f"{before.milliseconds:.3g}", f"{after.milliseconds:.3g}"))
    return [f"{was} > {now}" if was != now else now for was, now in pairs]


def positions_of(model: nn.Module, layers: Sequence[Layer], example: Example) -> dict[str, int]:
    """How often each weight is applied to one input, by the parameter's path; the network is run once.

    What a layer gives over the width of what it gives; a transposed convolution is applied to what it takes.
    An embedding is looked up, and counts as none.
    """
    leaves = pytree.tree_leaves((example.args, example.kwargs))
    batch = next((len(leaf) for leaf in leaves if isinstance(leaf, Tensor) and leaf.dim()), 1) or 1
    if isinstance(model, GraphModule):  # its modules hold parameters and are not called
        return {layer.weight.path: 0 for layer in layers} | positions_in_graph(model, batch)
    copy = twin(model)
    by_owner: dict[str, list[Layer]] = {}
    for layer in layers:
        by_owner.setdefault(layer.weight.owner, []).append(layer)
    found = dict.fromkeys((layer.weight.path for layer in layers), 0)

    def count(owner: str, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        for layer in by_owner[owner]:
            weight = layer.weight
            source = (args, kwargs) if weight.transposed else output
            tensors = [leaf for leaf in pytree.tree_leaves(source) if isinstance(leaf, Tensor)]
            if not tensors or isinstance(module, EMBEDDINGS):
                continue
            width = weight.rows
            if isinstance(module, nn.MultiheadAttention):
                width = module.embed_dim
            elif isinstance(module, nn.RNNBase):
                width = (module.proj_size or module.hidden_size) * (2 if module.bidirectional else 1)
            elif isinstance(module, nn.RNNCellBase):
                width = module.hidden_size
            elif weight.transposed:
                width = weight.shape[0]
            found[weight.path] += max(1, tensors[0].numel() // (width * batch))

    handles = []
    for owner in by_owner:
        module = copy.get_submodule(owner)
        handles.append(module.register_forward_hook(_hook(count, owner), with_kwargs=True))
    with _slow_attention():
        example.fitted(copy).call(copy)
    for owner, held in by_owner.items():  # out_proj of attention is used, not called
        parent = owner.rpartition(".")[0]
        if any(found[layer.weight.path] for layer in held) or not owner or parent not in by_owner:
            continue
        if isinstance(copy.get_submodule(parent), nn.MultiheadAttention):
            for layer in held:
                found[layer.weight.path] = max(found[other.weight.path] for other in by_owner[parent])
    return found


def _hook(count: Any, owner: str) -> Any:
    return lambda module, args, kwargs, output: count(owner, module, args, kwargs, output)


@contextlib.contextmanager
def _slow_attention() -> Iterator[None]:
    """Attention as its modules are written, so that they are called."""
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was)


def account(
    model: nn.Module,
    layers: Sequence[Layer],
    targets: Sequence[Target],
    positions: Mapping[str, int],
    costs: CostFunction | None = None,
    unit: str = "ms",
) -> Account:
    """What each layer takes, dense and with what `targets` keep now.

    costs: f(layer, rows, columns, positions, pattern, sparsity), as a `Budget` takes it.
    """
    zeros: dict[str, Tensor] = {}
    gone: dict[str, Tensor] = {}
    patterns: dict[str, Pattern] = {}
    for target in targets:
        into = gone if isinstance(target, GroupTarget) else zeros
        for path, mask in target.masks().items():
            into[path] = into[path] & mask if path in into else mask
            if isinstance(target, LayerTarget):
                patterns[path] = target.pattern
    rows = [_row(layer, zeros, gone, patterns, positions, costs) for layer in layers]
    paths = {layer.weight.path for layer in layers}
    others = [(name, p) for name, p in model.named_parameters() if name not in paths]
    after = sum(int(gone[name].sum()) if name in gone else p.numel() for name, p in others)
    return Account(tuple(rows), (sum(p.numel() for _, p in others), after), unit)


def _row(
    layer: Layer,
    zeros: Mapping[str, Tensor],
    gone: Mapping[str, Tensor],
    patterns: Mapping[str, Pattern],
    positions: Mapping[str, int],
    costs: CostFunction | None,
) -> LayerAccount:
    weight, path = layer.weight, layer.weight.path
    tensor = weight.find()
    rows, cols, places = weight.rows, weight.cols, positions[path]
    dense = _cost(layer.name, rows, cols, places, Element(), 0.0, costs)
    left_rows, left_cols = rows, cols
    kept = torch.ones(rows, cols, dtype=torch.bool)
    if path in gone:
        kept = weight.matrix(gone[path])
        left_rows = int(kept.any(1).sum())
        left_cols = int(kept.sum()) // max(1, left_rows)
    pattern: Pattern = patterns.get(path, Element())
    if path in zeros:
        kept = kept & weight.matrix(zeros[path])
    elif tensor is not None and layer.skip:
        kept = kept & (weight.matrix(tensor.detach()) != 0)
    size = max(1, left_rows * left_cols)
    sparsity = max(0.0, 1 - int(kept.sum()) / size)
    after = _cost(layer.name, left_rows, left_cols, places, pattern, sparsity, costs)
    name = "" if layer.skip else str(layer.pattern)
    whole = 1 - int(kept.sum()) / max(1, rows * cols)
    if path in gone and name == "":
        name = str(Channel())
    return LayerAccount(layer.name, name, whole, places, dense, after)


def _cost(
    name: str,
    rows: int,
    cols: int,
    positions: int,
    pattern: Pattern,
    sparsity: float,
    costs: CostFunction | None,
) -> Cost:
    left = (1 - sparsity) * rows * cols
    label = "dense" if sparsity == 0 else str(pattern)
    time = None if costs is None else float(costs(name, rows, cols, positions, label, sparsity))
    return Cost(left, 2 * left * positions, stored_bytes(rows, cols, pattern, sparsity), time)
