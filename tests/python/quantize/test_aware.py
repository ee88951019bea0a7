"""Fine-tuning beside rounding: what training sees is what the compiled int8 network computes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

import secateur as sct
from secateur.errors import InvalidArgumentError
from secateur.prune import Pruner, Recipe
from secateur.quantize import Aware, aware
from secateur.quantize.aware import rounded_rows

RNG = torch.Generator().manual_seed(0)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
        self.pool = nn.MaxPool2d(2)
        self.next = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stem(x)
        y = self.pool(torch.relu(y + self.body(y)))
        z: torch.Tensor = self.head(torch.relu(self.next(y)).mean((2, 3)))
        return z


def network() -> Residual:
    torch.manual_seed(0)
    return Residual()


def images(count: int) -> torch.Tensor:
    return torch.randn((count, 3, 8, 8), generator=RNG)


def trained(net: nn.Module, steps: int = 12, pruner: Pruner | None = None, classes: int = 4) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    net.train()
    for _ in range(steps):
        x = images(16)
        loss = nn.functional.cross_entropy(net(x), torch.arange(16) % classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if pruner is not None:
            pruner.step()
    net.eval()


def relative(got: np.ndarray, want: np.ndarray) -> float:
    return float(np.sqrt(((got - want) ** 2).sum() / (want**2).sum()))


def outputs(session: sct.Session, xs: torch.Tensor) -> np.ndarray:
    return np.concatenate([np.asarray(session.run(x[None].numpy())) for x in xs])


def test_training_sees_what_the_compiled_network_computes() -> None:
    """Where rounded layers read every tensor: the same but for biases and what lies on a tie."""
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU6(), nn.Conv2d(8, 4, 1),
        nn.Flatten(),
    )  # fmt: skip
    tuned = aware(net, example_inputs=images(1))
    assert tuned.layers == ["0", "4", "6"]  # the last makes the output
    trained(net, classes=64)
    xs = images(24)
    with torch.no_grad():
        seen = net(xs).numpy()
    q = tuned.finish(images(16))
    with torch.no_grad():
        plain = net(xs).numpy()
    int8 = outputs(sct.compile(net, images(1), quantize=q).session(), xs)
    assert relative(int8, seen) < 0.2 * relative(plain, seen)
    assert relative(int8, plain) == pytest.approx(q.expected["output"], rel=0.3)


def test_sums_and_means_are_rounded_once_more() -> None:
    net = network()
    tuned = aware(net, example_inputs=images(1))
    assert tuned.layers == ["stem.0", "body.0", "next"]  # the head makes the output
    trained(net)
    xs = images(24)
    with torch.no_grad():
        seen = net(xs).numpy()
    q = tuned.finish(images(16))
    assert relative(outputs(sct.compile(net, images(1), quantize=q).session(), xs), seen) < 0.01


def test_ranges_are_those_of_training() -> None:
    net = network()
    tuned = aware(net, example_inputs=images(1), momentum=0.25)
    x = images(4)
    net.train()
    net(x)
    net(2 * x)
    least, most = tuned.ranges["stem.0"]
    assert least == pytest.approx(float(x.min()) * 1.25)
    assert most == pytest.approx(float(x.max()) * 1.25)
    net.eval()
    net(100 * x)
    assert tuned.ranges["stem.0"] == (least, most)
    q = tuned.finish(x)
    assert q.method == "aware"
    assert (q.tensors["x"].least, q.tensors["x"].most) == (least, most)
    # The tensor before the largest of a pool has the range of the layer behind it.
    ranges = [(t.least, t.most) for t in q.tensors.values()]
    assert len(ranges) - len(set(ranges)) >= 1


def test_weights_round_as_the_compiler_rounds_them() -> None:
    from secateur.ir.quantised import decoded
    from secateur.passes.quantize import quantise_rows

    weight = torch.randn((6, 3, 3, 3), generator=RNG)
    weight[2] = 0
    codes, scales = quantise_rows(weight.numpy(), "max")
    np.testing.assert_allclose(rounded_rows(weight).numpy(), decoded(codes, scales), rtol=1e-6)


def test_gradients_pass_through() -> None:
    weight = torch.randn((4, 8), generator=RNG, requires_grad=True)
    slope = torch.randn((4, 8), generator=RNG)
    (rounded_rows(weight) * slope).sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, slope)


def test_pruning_masks_hold() -> None:
    net = network()
    tuned = aware(net, example_inputs=images(1))
    pruner = Pruner(net, Recipe(sparsity=0.5, scope="uniform"), example_inputs=images(1))
    trained(net, 6, pruner)
    pruner.finalize()
    q = tuned.finish(images(8))
    body: nn.Conv2d = net.body[0]  # type: ignore[assignment]
    assert float((body.weight == 0).float().mean()) >= 0.5
    layer = next(row for row in sct.compile(net, images(1), quantize=q).layers if row.name == "body.0")
    assert layer.sparsity >= 0.5


def test_the_network_is_itself_again() -> None:
    net = network().eval()
    x = images(2)
    with torch.no_grad():
        before = net(x)
        keys = list(net.state_dict())
        tuned = aware(net, example_inputs=x[:1])
        assert list(net.state_dict()) == keys
        assert not torch.equal(net(x), before)
        tuned.remove()
        tuned.remove()
        assert torch.equal(net(x), before)
    copy.deepcopy(net)


def finish_unseen() -> None:
    aware(network(), example_inputs=images(1)).finish(images(2))


def twice() -> Aware:
    net = network()
    aware(net, example_inputs=images(1))
    return aware(net, example_inputs=images(1))


def nan_input() -> None:
    net = network()
    aware(net, example_inputs=images(1))
    net(images(2) * float("nan"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (finish_unseen, "no range was seen: run the network"),
        (twice, "is it rounded already"),
        (nan_input, "NaN or infinite"),
        (lambda: aware(network(), example_inputs=images(1), momentum=0.0), r"momentum is 0\.0"),
        (lambda: aware("net.pt2", example_inputs=images(1)), "not as str"),  # type: ignore[arg-type]
        (lambda: aware(nn.Sequential(nn.Linear(4, 4)), example_inputs=torch.ones(1, 4)), "nothing to tune"),
        (lambda: aware(network(), example_inputs=images(1), keep=["trunk"]), "there is no layer 'trunk'"),
    ],
)
def test_bad_use_is_one_error(call: object, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        call()  # type: ignore[operator]
