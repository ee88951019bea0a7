"""The networks of a benchmark: pruned copies, workloads, and the zoo's random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from secateur import zoo
from secateur.bench.engines import make_engines
from secateur.bench.harness import measure
from secateur.bench.networks import pruned_copy, workloads, zoo_network
from secateur.network import Network


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


class _Tokens(torch.nn.Module):
    """As transformers' networks: numbers and a mask in, a mapping with nested states out."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(50, 8)
        self.layer = torch.nn.Linear(8, 8)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, object]:
        first = self.table(ids) * mask[..., None]
        last = self.layer(first)
        return {"last": last, "states": (first, last.tanh()), "attentions": None}


def test_token_ids_and_nested_outputs() -> None:
    torch.manual_seed(0)
    ids, mask = torch.randint(50, (1, 6)), torch.ones(1, 6, dtype=torch.bool)
    model = _Tokens().eval()
    (workload,) = workloads(Network("tokens", model, (ids, mask), "random weights"), [0.0])
    assert [x.dtype.name for x in workload.inputs] == ["int64", "bool"]
    with torch.no_grad():
        wanted = [model.layer(model.table(ids)), model.table(ids), model.layer(model.table(ids)).tanh()]
    assert [y.shape for y in workload.reference] == [(1, 6, 8)] * 3
    for got, want in zip(workload.reference, wanted, strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-6)
    (outcome,) = measure(make_engines(["secateur"]), workload, samples=1, warmup=0)
    assert outcome.status == "ok", outcome.message
