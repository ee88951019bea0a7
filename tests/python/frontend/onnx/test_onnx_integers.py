"""Whole numbers and truth values at run time: tokens, masks, comparisons, places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx_nets import check, network, node, random

import secateur as sct
from secateur.errors import UnsupportedOperatorError

I64, BOOL = TensorProto.INT64, TensorProto.BOOL


def ints(*shape: int, most: int = 9, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, most, shape)


def same_as_definitions(
    nodes: list[Any], inputs: dict[str, Any], feeds: dict[str, Any], **constants: Any
) -> None:
    """What is whole in ONNX is float32 here, with the same values."""
    from onnx_nets import reference

    model = network(nodes, inputs, ["y"], constants)
    y = sct.compile(model, feeds).session().run(*feeds.values())
    np.testing.assert_array_equal(y, reference(model, feeds)[0].astype(np.float32))


@pytest.mark.parametrize("op", ["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"])
def test_comparisons(op: str) -> None:
    x, z = ints(3, 4), ints(3, 4, seed=1)
    same_as_definitions([node(op, "x z")], dict.fromkeys("xz", (I64, (3, 4))), {"x": x, "z": z})
    floats = {"x": x.astype(np.float32), "z": z.astype(np.float32)}
    same_as_definitions([node(op, "x z")], dict.fromkeys("xz", (3, 4)), floats)


@pytest.mark.parametrize("op", ["And", "Or", "Xor"])
def test_logic(op: str) -> None:
    feeds = {"x": ints(3, 4, most=2) > 0, "z": ints(3, 4, most=2, seed=1) > 0}
    same_as_definitions([node(op, "x z", "u"), node("Not", "u")], dict.fromkeys("xz", (BOOL, (3, 4))), feeds)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
def test_places(op: str, last: int) -> None:
    """Of equals the first, or the last."""
    x = ints(3, 12, most=4).astype(np.float32)
    layer = node(op, "x", axis=1, select_last_index=last)
    same_as_definitions([layer], {"x": (3, 12)}, {"x": x})


def test_one_hot_counts_from_behind() -> None:
    index = np.array([[0, -1], [3, 2]])
    layer = node("OneHot", "x d v", axis=1)
    same_as_definitions([layer], {"x": (I64, (2, 2))}, {"x": index}, d=np.array(4), v=np.float32([2, 5]))


def test_where_of_a_computed_condition() -> None:
    nodes = [node("Greater", "x zero", "c"), node("Where", "c x z")]
    feeds = {"x": random(3, 4), "z": random(3, 4, seed=1)}
    check(network(nodes, dict.fromkeys("xz", (3, 4)), ["y"], {"zero": np.float32(0)}), feeds)


def test_a_sentence_encoder_from_ids_and_mask() -> None:
    """Embeddings of tokens and places, attention with the mask that exporters make, a mean of what is not
    masked."""
    tokens, width = 6, 16
    nodes = [
        node("Gather", "words ids", "e"),
        node("Add", "e places", "x"),
        node("Unsqueeze", "mask ax", "m1"),
        node("Cast", "m1", "m2", to=TensorProto.FLOAT),
        node("Sub", "one m2", "m3"),
        node("Mul", "m3 low", "m4"),
    ]
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("MatMul", f"x w{name}", f"{name}0"),
            node("Reshape", f"{name}0 heads", f"{name}1"),
            node("Transpose", f"{name}1", f"{name}2", perm=order),
        ]
    nodes += [
        node("MatMul", "q2 k2", "s"),
        node("Div", "s root", "t"),
        node("Add", "t m4", "u"),
        node("Softmax", "u", "p", axis=-1),
        node("MatMul", "p v2", "o"),
        node("Transpose", "o", "o2", perm=[0, 2, 1, 3]),
        node("Reshape", "o2 flat", "z"),
        node("Unsqueeze", "mask last", "kept0"),
        node("Cast", "kept0", "kept", to=TensorProto.FLOAT),
        node("Mul", "z kept", "zk"),
        node("ReduceSum", "zk middle", "sum", keepdims=0),
        node("ReduceSum", "kept middle", "count", keepdims=0),
        node("Div", "sum count"),
    ]
    constants = {f"w{name}": random(width, width, seed=i) for i, name in enumerate("qkv")}
    constants |= {
        "words": random(20, width, seed=5),
        "places": random(1, tokens, width, seed=6),
        "ax": np.array([1, 2]),
        "one": np.float32(1),
        "low": np.float32(-1e9),
        "root": np.float32(np.sqrt(8)),
        "heads": np.array([1, tokens, 2, 8]),
        "flat": np.array([1, tokens, width]),
        "last": np.array([2]),
        "middle": np.array([1]),
    }
    inputs = {"ids": (I64, (1, tokens)), "mask": (I64, (1, tokens))}
    model = network(nodes, inputs, ["y"], constants)
    for kept in (tokens, 3):
        check(
            model,
            {"ids": ints(1, tokens, most=20), "mask": (np.arange(tokens) < kept).astype(np.int64)[None]},
        )


def test_integers_are_not_divided() -> None:
    with pytest.raises(UnsupportedOperatorError, match=r"Div \(a division of integers\) at the_div"):
        sct.compile(network([node("Div", "x two")], {"x": (I64, (3,))}, ["y"], {"two": np.array(2)}))
    with pytest.raises(UnsupportedOperatorError, match=r"a conversion of float32 to int64"):
        sct.compile(network([node("Cast", "x", to=I64)], {"x": (3,)}, ["y"]))


@pytest.mark.parametrize("largest", [0, 1])
def test_top_k_and_what_lies_there(largest: int) -> None:
    nodes = [
        node("TopK", "x k", "v i", axis=1, largest=largest),
        node("GatherElements", "x i", "same", axis=1),
        node("Gather", "x one", "row", axis=0),
    ]
    inputs = {"x": (3, 8, 2), "one": (TensorProto.INT64, (2,))}
    model = network(nodes, inputs, ["v", "i", "same", "row"], {"k": np.array([3])})
    check(model, {"x": random(3, 8, 2), "one": np.array([2, -3])})


@pytest.mark.parametrize(
    "of", [node("IsNaN", "x")] + [node("IsInf", "x", detect_positive=p, detect_negative=n) for p, n in
                                  [(1, 1), (1, 0), (0, 1), (0, 0)]]
)  # fmt: skip
def test_what_is_no_finite_number(of: Any) -> None:
    x = np.array([[1, np.nan, np.inf, -np.inf, 0, -3e38, -np.nan]], np.float32)
    model = network([of, node("Cast", "y", "z", to=TensorProto.FLOAT)], {"x": x.shape}, ["z"])
    got = sct.compile(model, {"x": np.ones_like(x)}).session().run(x)
    want = np.isnan(x)
    if of.op_type == "IsInf":
        wanted = {a.name: a.i for a in of.attribute}
        want = (np.isposinf(x) & bool(wanted["detect_positive"])) | (
            np.isneginf(x) & bool(wanted["detect_negative"])
        )
    np.testing.assert_array_equal(got, want.astype(np.float32))
