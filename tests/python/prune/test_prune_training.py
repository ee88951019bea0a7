"""Training as people write it: against a loop that masks by hand, and in two processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from secateur.prune import Linear, Pruner

STEPS, END = 8, 4
RECIPE = {"sparsity": 0.5, "scope": "uniform", "schedule": Linear(0, END)}


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))


def batch(step: int, part: int = 0) -> Tensor:
    return torch.randn(8, 8, generator=torch.Generator().manual_seed(10 * step + part))


def loss(model: nn.Module, x: Tensor) -> Tensor:
    value: Tensor = model(x).square().mean()
    return value


class ByHand:
    """Magnitude pruning of each layer by its definition: no hook, no class of the package."""

    def __init__(self, model: nn.Sequential) -> None:
        self.weights = [model[0].weight, model[2].weight]
        self.gone = [torch.zeros(w.shape, dtype=torch.bool) for w in self.weights]
        self.steps = 0

    def gradients(self) -> None:
        for weight, gone in zip(self.weights, self.gone, strict=True):
            weight.grad[gone] = 0

    def step(self) -> None:
        if self.steps <= END:
            for i, weight in enumerate(self.weights):
                sizes = weight.detach().abs().masked_fill(self.gone[i], -1).flatten()
                self.gone[i] = torch.zeros(len(sizes), dtype=torch.bool)
                self.gone[i][sizes.argsort()[: len(sizes) * self.steps // (2 * END)]] = True
                self.gone[i] = self.gone[i].view(weight.shape)
        with torch.no_grad():
            for weight, gone in zip(self.weights, self.gone, strict=True):
                weight[gone] = 0
        self.steps += 1


def trained(setting: str, *, by_hand: bool) -> nn.Sequential:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, weight_decay=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, enabled=setting == "amp")
    hand = ByHand(model) if by_hand else None
    called = torch.compile(model, backend="aot_eager") if setting == "compile" and not by_hand else model
    pruner = None if by_hand else Pruner(called, RECIPE)
    for step in range(STEPS):
        optimizer.zero_grad(set_to_none=setting != "accumulate")
        for part in range(3 if setting == "accumulate" else 1):
            x = batch(step, part)
            if setting == "amp" and step == 3:
                x = x * torch.inf  # the scaler passes over this step
            with torch.autocast("cpu", torch.bfloat16, enabled=setting == "amp"):
                value = loss(called, x)
            scaler.scale(value).backward()
        scaler.unscale_(optimizer)
        if hand is not None:
            hand.gradients()
        if setting == "clip":
            nn.utils.clip_grad_norm_(model.parameters(), 0.05)
        scaler.step(optimizer)
        scaler.update()
        (hand or pruner).step()
    if pruner is not None:
        assert pruner.finalize() is model
    return model


@pytest.mark.parametrize("setting", ["plain", "accumulate", "clip", "amp", "compile"])
def test_it_is_the_loop_that_masks_by_hand(setting: str) -> None:
    got, want = trained(setting, by_hand=False), trained(setting, by_hand=True)
    exact = setting != "compile"  # compiled code may add up in another order
    assert setting != "compile" or torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    for a, b in zip(got.parameters(), want.parameters(), strict=True):
        assert torch.equal(a == 0, b == 0)
        torch.testing.assert_close(a, b, rtol=0 if exact else 1e-5, atol=0 if exact else 1e-6)
    assert int((got[0].weight == 0).sum()) == 64
    if setting not in ("plain", "compile"):
        plain = trained("plain", by_hand=True)
        assert not torch.equal(got[0].weight, plain[0].weight)  # the setting does something


def test_a_parametrised_weight_is_sparse_while_it_trains() -> None:
    """Weight norm: what the network computes with has the zeros after each step."""
    model = net()
    parametrizations.weight_norm(model[0])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    pruner = Pruner(model, RECIPE)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss(model, batch(step)).backward()
        optimizer.step()
        pruner.step()
        want = 128 * min(step, END) // (2 * END)
        assert int((model[0].weight == 0).sum()) == want
    norms = model[0].weight.norm(dim=1)
    torch.testing.assert_close(norms, model[0].parametrizations.weight.original0.flatten().abs())


WORKER = """
import sys, torch, torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from secateur.prune import Pruner

rank, folder, schedule, score = int(sys.argv[1]), *sys.argv[2:5]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
torch.set_num_threads(1)
torch.manual_seed(0)
model = DistributedDataParallel(nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
tables = {"cubic": {"name": "cubic", "begin": 0, "end": 4}, "rigl": {"name": "rigl", "end": 6, "every": 2}}
pruner = Pruner(model, {"sparsity": 0.5, "score": score, "schedule": tables[schedule]})
masks = []
for step in range(8):
    generator = torch.Generator().manual_seed(100 * rank + step)  # other data in each process
    optimizer.zero_grad()
    model(torch.randn(8, 8, generator=generator)).square().mean().backward()
    optimizer.step()
    pruner.step()
    masks.append({name: mask.clone() for name, mask in pruner.masks.items()})
net = pruner.finalize()
torch.save({"masks": masks, "state": net.state_dict()}, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("schedule", "score"), [("cubic", "l1"), ("cubic", "taylor"), ("rigl", "l1")])
def test_two_processes_choose_the_same(schedule: str, score: str, tmp_path: Path) -> None:
    """Each sees data of its own; what is chosen by gradients is chosen by those of both."""
    words = [sys.executable, "-c", WORKER]
    workers = [
        subprocess.Popen([*words, str(rank), str(tmp_path), schedule, score], stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    for worker in workers:
        assert worker.wait() == 0, worker.stderr.read().decode()[-2000:]  # type: ignore[union-attr]
        worker.stderr.close()  # type: ignore[union-attr]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for left, right in zip(first["masks"], second["masks"], strict=True):
        assert left.keys() == right.keys()
        assert all(torch.equal(left[name], right[name]) for name in left)
    assert all(torch.equal(value, second["state"][key]) for key, value in first["state"].items())
    weights = [value for key, value in first["state"].items() if "weight" in key]
    assert sum(int((w == 0).sum()) for w in weights) == 96
    changed = [m for m in first["masks"] if not torch.equal(m["0.weight"], first["masks"][0]["0.weight"])]
    assert changed  # masks did move while they were compared
