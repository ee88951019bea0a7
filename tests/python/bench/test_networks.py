"""The networks of a benchmark: pruned copies, workloads, and the zoo's random weights."""

from __future__ import annotations

import pytest
import torch

from secateur import zoo
from secateur.bench.networks import pruned_copy, workloads, zoo_network


def test_pruned_copies_leave_ends_and_original_alone() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(16, 16) for _ in range(4))).eval()
    pruned = pruned_copy(model, (torch.ones(1, 16),), 0.75)
    zeros = [float((layer.weight == 0).float().mean()) for layer in pruned]  # type: ignore[union-attr]
    assert zeros == [0, 0.75, 0.75, 0]
    assert all(bool((layer.weight != 0).all()) for layer in model)  # type: ignore[union-attr]
    kept = pruned_copy(model, (torch.ones(1, 16),), 0.5, "2:4", keep_dense=["2"])
    zeros = [float((layer.weight == 0).float().mean()) for layer in kept]  # type: ignore[union-attr]
    assert zeros == [0.5, 0.5, 0, 0.5]


def test_workloads_share_input_and_dense_self() -> None:
    source, keep = zoo_network("encoder")
    dense, sparse = workloads(source, [0.0, 0.9], keep_dense=keep)
    assert dense.inputs is sparse.inputs
    assert sparse.dense_model is dense.model
    assert (dense.label, sparse.label) == (f"{source.name} dense", f"{source.name} 90%")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "resnet50", "encoder"])
def test_random_weights_keep_activations_alive(name: str) -> None:
    # Denormal activations would make every timing a lie.
    model, inputs = zoo.make(name)
    smallest = {}

    def record(module: torch.nn.Module, args: object, output: torch.Tensor) -> None:
        smallest[module] = float(output.std())

    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(record)
    with torch.no_grad():
        y = model(*inputs)
    assert bool(y.isfinite().all())
    assert min(smallest.values()) > 1e-3
    torch.testing.assert_close(zoo.make(name)[0].state_dict(), model.state_dict())
