"""The training loop, and one run: a task, a configuration, a seed. Interrupted, it goes on."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

import secateur as sct
from pruning.configurations import CONFIGURATIONS, Nothing, Pruning
from pruning.cost import multiply_adds
from pruning.data import Data
from pruning.rivals import weights_of
from pruning.tasks import Task, Training

WARM = 0.05  # of the steps, in which the learning rate rises
CALIBRATION = 512  # training inputs by which int8 finds its ranges


def sparsity(model: nn.Module) -> float:
    """The share of zeros among the weights that can be pruned by default."""
    weights = [getattr(module, name) for module, name in weights_of(model)]
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


def accuracy(model: nn.Module, data: Data) -> float:
    """Top-1 on the test half, in percent."""
    model.eval()
    with torch.no_grad():
        found = torch.cat([model(part).argmax(1) for part in data.test_x.split(256)])
    return 100 * float((found == data.test_y).double().mean())


def train(
    pruning: Pruning, task: Task, plan: Training, data: Data, seed: int, state: Path, stop: int | None = None
) -> float:
    """Trains `pruning.model`, to the epoch `stop` or all; the seconds it took.

    `state` is a file that keeps what an interrupted run goes on with.
    """
    model, batch = pruning.model.to(memory_format=torch.channels_last), task.batch
    steps = steps_of(plan, data, batch)
    optimizer = task.optimizer(model, plan.rate)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step / steps))
    random = torch.Generator().manual_seed(seed)
    first, spent = 0, 0.0
    if state.exists():
        saved = torch.load(state, weights_only=False)
        first, spent = saved["epoch"], saved["seconds"]
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        rates.load_state_dict(saved["rates"])
        pruning.load_state_dict(saved["pruning"])
        random.set_state(saved["random"])
    for epoch in range(first, plan.epochs if stop is None else stop):
        began = time.perf_counter()
        model.train()
        order = torch.randperm(len(data.train_y), generator=random)
        for chosen in order[: len(order) // batch * batch].split(batch):
            x = task.vary(data.train_x[chosen], random).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=task.bf16):
                scores = model(x)
            loss = nn.functional.cross_entropy(scores.float(), data.train_y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
            pruning.step()
        spent += time.perf_counter() - began
        save(
            state, epoch=epoch + 1, seconds=spent, model=model.state_dict(), optimizer=optimizer.state_dict(),
            rates=rates.state_dict(), pruning=pruning.state_dict(), random=random.get_state(),
        )  # fmt: skip
    return spent


def steps_of(plan: Training, data: Data, batch: int) -> int:
    return plan.epochs * (len(data.train_y) // batch)


def rate_at(share: float) -> float:
    """The learning rate as a share of its peak.

    >>> rate_at(0.0), rate_at(0.05), round(rate_at(0.525), 3), rate_at(1.0)
    (0.0, 1.0, 0.5, 0.0)
    """
    if share < WARM:
        return share / WARM
    return 0.5 * (1 + math.cos(math.pi * (share - WARM) / (1 - WARM)))


def save(path: Path, **parts: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    torch.save(parts, fresh)
    fresh.replace(path)


def dense(task: Task, data: Data, folder: Path, work: Path, seed: int) -> nn.Module:
    """The dense network that every configuration of a seed starts from."""
    torch.manual_seed(seed)
    model = task.make(folder)
    if task.base is not None:
        train(Nothing(model), task, task.base, data, 1000 + seed, work / f"base-{seed}.pt")
    return model.to(memory_format=torch.contiguous_format)


def run(task: Task, name: str, seed: int, data: Data, folder: Path, work: Path) -> dict[str, Any]:
    """One record, without its key. Raises what the configuration raises."""
    configuration, work = CONFIGURATIONS[name], work / task.name
    finished = work / f"{name.replace(':', 'of')}-{seed}.whole.pt"
    state = work / f"{name.replace(':', 'of')}-{seed}.pt"
    example = data.test_x[:1]
    if configuration.begin is None:
        parent = work / f"{configuration.parent}-{seed}.whole.pt"
        return int8(torch.load(parent, weights_only=False)["network"], data)
    model = dense(task, data, folder, work, seed)
    whole = multiply_adds(model.eval(), example)
    before = accuracy(model, data)
    pruning = configuration.begin(model, steps_of(task.tuning, data, task.batch), example)
    seconds = train(pruning, task, task.tuning, data, seed, state)
    model = pruning.finish().eval()
    found = accuracy(model, data)
    save(finished, network=model)
    state.unlink()
    return {
        "accuracy": round(found, 3),
        "before": round(before, 3),
        "sparsity": round(sparsity(model), 4),
        "flops": round(multiply_adds(model, example) / whole, 4),
        "epochs": task.tuning.epochs,
        "rate": task.tuning.rate,
        "seconds": round(seconds),
    }


def int8(model: nn.Module, data: Data) -> dict[str, Any]:
    """Accuracy of the network compiled to int8 after a look at training inputs, by its Session."""
    model.eval()
    example = data.test_x[:1]
    some = torch.linspace(0, len(data.train_y) - 1, CALIBRATION).long()
    q = sct.quantize.static(model, data.train_x[some], example_inputs=example)
    session = sct.compile(model, example, quantize=q).session()
    found = [int(session.run(x[None]).argmax()) for x in data.test_x.numpy()]
    hits = (torch.tensor(found) == data.test_y).double().mean()
    f32_layers = sorted(layer for layer, choice in q.layers.items() if choice.dtype == "f32")
    return {"accuracy": round(100 * float(hits), 3), "method": q.method, "f32_layers": f32_layers}
