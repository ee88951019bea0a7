"""The workloads of a benchmark: a network at several sparsities, pruned once by magnitude, not trained.

Latency depends on where the zeros are, not on what the rest was trained to be; accuracy is another
question, and needs training (docs/pruning.md).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from secateur.bench.workload import Workload, arrays_of
from secateur.network import Network, load_checkpoint, load_network

if TYPE_CHECKING:
    import torch


def pruned_copy(
    module: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    sparsity: float,
    pattern: str = "element",
    keep_dense: Sequence[str] = (),
) -> torch.nn.Module:
    """`module` with `sparsity` of every layer's weights zero, chosen by magnitude; `module` stays as it is.

    Depthwise layers and those named in `keep_dense` are left alone; without names, the first and the
    last layer are.
    """
    from secateur.prune import Pruner, Recipe

    table: dict[str, Any] = {
        "pattern": pattern,
        "scope": "uniform",
        "skip": list(keep_dense),
        "skip_first": not keep_dense,
        "skip_last": not keep_dense,
    }
    if ":" not in pattern:  # N:M is as sparse as it says
        table["sparsity"] = sparsity
    recipe = Recipe.from_dict(table)
    pruner = Pruner(copy.deepcopy(module), recipe, example_inputs=inputs)
    pruner.step()
    return pruner.finalize().eval()


def workloads(
    source: Network,
    sparsities: Sequence[float],
    *,
    pattern: str = "element",
    keep_dense: Sequence[str] = (),
) -> list[Workload]:
    """One workload per sparsity, all with the same input; 0 is the network as it comes."""
    inputs = arrays_of(source.inputs)
    made = []
    for sparsity in sparsities:
        module = source.module
        if sparsity > 0:
            module = pruned_copy(source.module, source.inputs, sparsity, pattern, keep_dense)
        made.append(
            Workload(
                name=source.name,
                model=module,
                inputs=inputs,
                sparsity=sparsity,
                pattern=pattern if sparsity > 0 else "dense",
                weights=source.weights,
                dense_model=source.module,
            )
        )
    return made


def zoo_network(name: str, checkpoint: str | None = None) -> tuple[Network, tuple[str, ...]]:
    """(source, layers to leave dense) of a network of the zoo; named as tables show it."""
    from secateur import zoo

    source = load_network(name)
    if checkpoint is not None:
        load_checkpoint(source.module, checkpoint)
        source.weights = checkpoint.rpartition("/")[2]
    network = zoo.NETWORKS[name]
    source.name = network.label
    return source, network.keep_dense
