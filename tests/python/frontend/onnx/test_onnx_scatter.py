"""Elements put at places, against the ONNX package's definitions."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto
from onnx_nets import check, network, node, random


@pytest.mark.parametrize("axis", [0, 1])
def test_a_place_for_each_element(axis: int) -> None:
    index = np.array([[1, -1, 0], [0, 2, 1]]) if axis else np.array([[1, 0, 3], [-1, 2, 1]])
    feeds = {"x": random(4, 3), "u": random(2, 3, seed=1)}
    model = network(
        [node("ScatterElements", "x i u", axis=axis)],
        {"x": (4, 3), "u": (2, 3)},
        ["y"],
        {"i": index},
        opset=18,
    )
    check(model, feeds)


@pytest.mark.parametrize("reduction", ["none", "add", "max", "min"])
@pytest.mark.parametrize("axis", [0, 1])
def test_computed_places_count_from_the_end(axis: int, reduction: str) -> None:
    """Places that come with the input; a place that several reach where they are reduced."""
    index = np.array([[1, -1, -3], [0, 2, -2]]) if axis else np.array([[1, -4, 3], [-1, 2, 1]])
    if reduction != "none":
        index[0] = -1
    rows = 2 if axis else 4
    feeds = {"x": random(rows, 3), "i": index, "u": random(2, 3, seed=1)}
    model = network(
        [node("ScatterElements", "x i u", axis=axis, reduction=reduction)],
        {"x": (rows, 3), "i": (TensorProto.INT64, (2, 3)), "u": (2, 3)},
        ["y"],
        opset=18,
    )
    check(model, feeds)


@pytest.mark.parametrize("known", ["", "x", "u"])
def test_parts_at_constant_places(known: str) -> None:
    """What ``x[:, 1:3] = u`` is exported as; the tensor or what is put may be constant."""
    index = np.stack(np.meshgrid([0, 1], [1, 2], indexing="ij"), -1)
    held = {"x": random(2, 4, 3), "u": random(2, 2, 3, seed=1)}
    feeds = {name: x for name, x in held.items() if name != known}
    fixed = {name: x for name, x in held.items() if name == known}
    model = network(
        [node("ScatterND", "x i u")],
        {n: x.shape for n, x in feeds.items()},
        ["y"],
        fixed | {"i": index},
        opset=18,
    )
    check(model, feeds)


def test_an_index_of_many_places_apart() -> None:
    """More runs than are cut out one by one."""
    index = np.random.default_rng(0).permutation(600)
    model = network([node("Gather", "x i", axis=1)], {"x": (2, 600, 1, 2)}, ["y"], {"i": index})
    check(model, {"x": random(2, 600, 1, 2)})
