"""ONNX files: how they are read, what fixes their inputs, and each bad one refused in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from onnx_nets import network, node, random, reference

import secateur as sct
from secateur.errors import (
    DTypeError,
    InvalidArgumentError,
    MismatchError,
    ModelFileError,
    ModelNotFoundError,
    ShapeError,
    UnsupportedOperatorError,
    WeightError,
)


def small(shape: Any = (1, 3, 8, 8), **options: Any) -> ModelProto:
    nodes = [
        node("Conv", "x conv.weight b", "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c s t m v", "n"),
        node("Relu", "n", "r"),
        node("GlobalAveragePool", "r", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f w", "y", transB=1),
    ]
    constants = {
        "conv.weight": random(8, 3, 3, 3),
        "b": random(8),
        "s": random(8, seed=1),
        "t": random(8, seed=2),
        "m": random(8, seed=3),
        "v": np.abs(random(8, seed=4)) + np.float32(1),
        "w": random(5, 8, seed=5),
    }
    return network(nodes, {"x": shape}, ["y"], constants, **options)


def test_a_file_compiles_and_computes_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(small(), path)
    program = sct.compile(path)
    assert next(row.name for row in program.layers) == "conv"  # what pruners call it
    assert program.inputs == {"x": (1, 3, 8, 8)}
    assert program.outputs == {"y": (1, 5)}
    x = random(1, 3, 8, 8, seed=9)
    np.testing.assert_allclose(program.session().run(x), reference(small(), {"x": x})[0], atol=1e-5)


def test_zeros_are_sparsity(tmp_path: Path) -> None:
    weight = random(64, 64)
    weight[np.random.default_rng(0).random(weight.shape) < 0.9] = 0
    model = network([node("MatMul", "x w")], {"x": (32, 64)}, ["y"], {"w": weight})
    (row,) = sct.compile(model).layers
    assert row.format == "csr"


def test_external_data_is_read_and_missed(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(small(), path, save_as_external_data=True, location="net.bin", size_threshold=0)
    x = random(1, 3, 8, 8, seed=9)
    np.testing.assert_allclose(sct.compile(path).session().run(x), reference(small(), {"x": x})[0], atol=1e-5)
    (tmp_path / "net.bin").unlink()
    with pytest.raises(
        ModelFileError, match=r"'conv.weight' in the file 'net.bin' beside it.*it is not there"
    ):
        sct.compile(path)


def test_functions_of_the_file_are_inlined() -> None:
    body = helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )
    model = network([helper.make_node("Twice", ["x"], ["y"], domain="own")], {"x": (2, 3)}, ["y"])
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.append(body)
    x = random(2, 3)
    np.testing.assert_array_equal(sct.compile(model).session().run(x), 2 * x)


def test_nodes_in_another_order_are_sorted() -> None:
    model = small()
    backwards = list(reversed(model.graph.node))
    del model.graph.node[:]
    model.graph.node.extend(backwards)
    x = random(1, 3, 8, 8)
    np.testing.assert_allclose(
        sct.compile(model).session().run(x), reference(small(), {"x": x})[0], atol=1e-5
    )


def test_old_opsets_are_converted() -> None:
    x = random(1, 3, 8, 8)
    y = sct.compile(small(opset=8), x, verify=False).session().run(x)
    np.testing.assert_allclose(y, reference(small(), {"x": x})[0], atol=1e-5)


# --- inputs ------------------------------------------------------------------------------------


def test_an_open_batch_is_one_and_said() -> None:
    program = sct.compile(small(["N", 3, 8, 8]))
    assert program.inputs == {"x": (1, 3, 8, 8)}
    assert "inputs: x is [N, 3, 8, 8] in the file; compiled for a batch of 1" in program.report


@pytest.mark.parametrize("given", [(2, 3, 6, 6), [(2, 3, 6, 6)], {"x": (2, 3, 6, 6)}, random(2, 3, 6, 6)])
def test_open_sizes_are_given_by_shapes_or_arrays(given: Any) -> None:
    assert sct.compile(small(["N", 3, "H", "W"]), given).inputs == {"x": (2, 3, 6, 6)}


def test_a_number_fixes_an_input() -> None:
    nodes = [
        node("Equal", "rate k", "c"),
        helper.make_node("If", ["c"], ["y"], then_branch=branch("Exp"), else_branch=branch("Neg")),
    ]
    model = network(nodes, {"x": (2, 3), "rate": (TensorProto.INT64, ())}, ["y"], {"k": np.array(16000)})
    x = random(2, 3)
    for rate, want in ((16000, np.exp(x)), (8000, -x)):
        program = sct.compile(model, {"x": x, "rate": rate})
        assert list(program.inputs) == ["x"]
        np.testing.assert_allclose(program.session().run(x), want, rtol=1e-6)


def branch(op: str) -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node(op, ["x"], ["out"])], op, [], [onnx.ValueInfoProto(name="out")]
    )


def test_a_state_is_kept_from_run_to_run() -> None:
    """An exponential mean, that the next run begins with."""
    nodes = [
        node("Mul", "x a", "p"),
        node("Mul", "h c", "q"),
        node("Add", "p q", "y"),
        node("Identity", "y", "hn"),
    ]
    model = network(
        nodes, {"x": (1, 6), "h": (1, 6)}, ["y", "hn"], {"a": np.float32(0.25), "c": np.float32(0.75)}
    )
    first = random(1, 6, seed=5)
    program = sct.compile(model, {"x": (1, 6), "h": first}, states={"h": "hn"})
    assert list(program.inputs) == ["x"]
    session, h = program.session(), first
    for step in range(4):
        x = random(1, 6, seed=step)
        h = np.float32(0.25) * x + np.float32(0.75) * h
        np.testing.assert_allclose(session.run(x), h, rtol=1e-6)


# --- control flow ------------------------------------------------------------------------------


def counted() -> ModelProto:
    """Five times the loop's body: ``h = h * 0.5 + x``, each kept."""
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["h", "half"], ["m"]),
            helper.make_node("Add", ["m", "x"], ["hn"]),
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["hn"], ["kept"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, ()),
            helper.make_tensor_value_info("go", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, (2, 3)),
        ],
        [onnx.ValueInfoProto(name=name) for name in ("on", "hn", "kept")],
    )
    loop = helper.make_node("Loop", ["n", "yes", "x"], ["last", "all"], body=body, name="the_loop")
    constants = {"n": np.array(5), "yes": np.array(True), "half": np.float32(0.5)}
    return network([loop], {"x": (2, 3)}, ["last", "all"], constants)


def test_a_loop_of_known_length_is_unrolled() -> None:
    x = random(2, 3)
    last, kept = sct.compile(counted(), verify=False).session().run(x)
    h, rows = x, []
    for _ in range(5):
        h = h * np.float32(0.5) + x
        rows.append(h)
    np.testing.assert_allclose(last, h, rtol=1e-6)
    np.testing.assert_allclose(kept, rows, rtol=1e-6)


def test_what_the_definitions_do_not_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InvalidArgumentError, match=r"does not run Loop.*install onnxruntime, or pass verify"):
        sct.compile(counted())


def test_a_scan_is_unrolled() -> None:
    """A cumulative sum, backwards."""
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "row"], ["sn"]), helper.make_node("Identity", ["sn"], ["out"])],
        "body",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (4,)) for name in ("s", "row")],
        [onnx.ValueInfoProto(name=name) for name in ("sn", "out")],
    )
    scan = helper.make_node(
        "Scan", ["zero", "x"], ["last", "y"], body=body, num_scan_inputs=1, scan_input_directions=[1]
    )
    x = random(5, 4)
    model = network([scan], {"x": (5, 4)}, ["last", "y"], {"zero": np.zeros(4, np.float32)})
    _, y = sct.compile(model, verify=False).session().run(x)
    np.testing.assert_allclose(y, np.cumsum(x[::-1], 0), atol=1e-6)


def test_a_condition_of_the_inputs_is_refused_with_its_node() -> None:
    nodes = [
        node("ReduceSum", "x", "s", keepdims=0),
        node("Greater", "s zero", "c"),
        helper.make_node(
            "If", ["c"], ["y"], then_branch=branch("Exp"), else_branch=branch("Neg"), name="the_if"
        ),
    ]
    model = network(nodes, {"x": (2, 3)}, ["y"], {"zero": np.float32(0)})
    with pytest.raises(
        UnsupportedOperatorError, match=r"If \(its condition is computed from the inputs.*at the_if"
    ):
        sct.compile(model)


# --- what is refused ---------------------------------------------------------------------------


def test_every_operator_that_fails_is_named_at_once() -> None:
    nodes = [
        node("Det", "x", "d"),
        node("NonZero", "x", "z"),
        helper.make_node("ArgMax", ["x"], ["a"], name="the_argmax"),
    ]
    with pytest.raises(UnsupportedOperatorError) as refusal:
        sct.compile(network(nodes, {"x": (1, 3, 3)}, ["d", "z", "a"]))
    assert all(word in str(refusal.value) for word in ("Det at the_det", "NonZero at the_nonzero"))


def test_no_file_and_no_onnx_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no ONNX file at .*none\.onnx"):
        sct.compile(tmp_path / "none.onnx")
    for content in (b"", b"# a text\n" * 9, bytes(range(256))):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"bad\.onnx is not an ONNX file"):
            sct.compile(tmp_path / "bad.onnx")


def test_opsets_that_are_not_read() -> None:
    with pytest.raises(
        ModelFileError, match=r"opset 24; this version reads 9 to 23: export it with opset_version=23"
    ):
        sct.compile(small(opset=24))
    with pytest.raises(ModelFileError, match=r"opset 3; this version reads 9 to 23"):
        sct.compile(small(opset=3))


def test_operators_of_another_domain_are_all_named() -> None:
    nodes = [
        helper.make_node("FusedConv", ["x"], ["a"], domain="com.example", name="one"),
        helper.make_node("FusedConv", ["a"], ["b"], domain="com.example", name="two"),
        helper.make_node("Odd", ["b"], ["y"], domain="com.example", name="three"),
    ]
    with pytest.raises(
        ModelFileError, match=r"com\.example\.FusedConv x2 at one, two; com\.example\.Odd x1 at three"
    ):
        sct.compile(network(nodes, {"x": (2, 3)}, ["y"]))


def test_a_circle_and_a_value_without_a_maker() -> None:
    ring = [node("Add", "x b", "a"), node("Relu", "a", "b"), node("Neg", "b", "y")]
    with pytest.raises(ModelFileError, match=r"circle: the_add -> the_relu -> the_add read each other"):
        sct.compile(network(ring, {"x": (2, 3)}, ["y"]))
    with pytest.raises(ModelFileError, match=r"the node the_add \(Add\) reads 'gone', which nothing makes"):
        sct.compile(network([node("Add", "x gone")], {"x": (2, 3)}, ["y"]))
    with pytest.raises(ModelFileError, match=r"two nodes make 'y', the second is the_neg"):
        sct.compile(network([node("Relu", "x"), node("Neg", "x")], {"x": (2, 3)}, ["y"]))
    with pytest.raises(ModelFileError, match=r"nothing makes the output 'z'"):
        sct.compile(network([node("Relu", "x")], {"x": (2, 3)}, ["z"]))


def test_inputs_without_type_shape_or_size() -> None:
    model = small()
    model.graph.input[0].type.Clear()
    with pytest.raises(DTypeError, match=r"the input 'x' has no tensor type"):
        sct.compile(model)
    model = small()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(ShapeError, match=r"the input 'x' has no shape in the file; give its shape"):
        sct.compile(model)
    with pytest.raises(
        ShapeError, match=r"'x' is \[N, 3, H, \?\] in the file, which leaves sizes open; give"
    ):
        sct.compile(small(["N", 3, "H", None]))
    with pytest.raises(DTypeError, match=r"the input 'x' is float16; inputs are float, numbers of tokens"):
        sct.compile(network([node("Relu", "x")], {"x": (TensorProto.FLOAT16, (2, 3))}, ["y"]))


def test_an_input_that_is_one_number_asks_for_it() -> None:
    model = network([node("Mul", "x rate", "y")], {"x": (1, 4), "rate": ()}, ["y"])
    with pytest.raises(ShapeError, match=r"the input 'rate' is one number.* --fix rate=NUMBER"):
        sct.compile(model)
    np.testing.assert_array_equal(
        sct.compile(model, {"rate": 3}).session().run(np.ones((1, 4), np.float32)), np.full((1, 4), 3)
    )


def test_examples_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"'x' is \[1, 3, 8, 8\] in the file; \[1, 4, 8, 8\] is given"):
        sct.compile(small(), (1, 4, 8, 8))
    with pytest.raises(InvalidArgumentError, match=r"has no input 'z'; its inputs: x"):
        sct.compile(small(), {"z": (1, 3, 8, 8)})
    with pytest.raises(InvalidArgumentError, match=r"has 1 inputs \(x\); 2 are given"):
        sct.compile(small(), [(1, 3, 8, 8), (1, 3)])
    with pytest.raises(DTypeError, match=r"'x' is float32 in the file; the example is float64"):
        sct.compile(small(), np.ones((1, 3, 8, 8)))
    with pytest.raises(InvalidArgumentError, match=r"no output 'z'; inputs: x; outputs: y"):
        sct.compile(small(), states={"x": "z"})


def test_weights_that_are_not_numbers_or_nothing() -> None:
    model = small()
    held = next(t for t in model.graph.initializer if t.name == "conv.weight")
    weight = onnx.numpy_helper.to_array(held).copy()
    weight[0, 0, 0, 0], weight[1, 0, 0, 0] = np.nan, np.inf
    held.CopyFrom(onnx.numpy_helper.from_array(weight, "conv.weight"))
    with pytest.raises(WeightError, match=r"conv\.weight holds 2 values that are NaN or infinite"):
        sct.compile(model)
    held.CopyFrom(onnx.numpy_helper.from_array(np.nan_to_num(weight, nan=-np.inf), "conv.weight"))
    with pytest.raises(WeightError, match=r"conv\.weight holds 1 values"):
        sct.compile(model)
    held.CopyFrom(onnx.numpy_helper.from_array(np.zeros_like(weight), "conv.weight"))
    with pytest.raises(WeightError, match=r"all weights are zero in conv"):
        sct.compile(model)


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path) -> None:
    """`import secateur` does not need it."""
    path = tmp_path / "net.onnx"
    onnx.save(small(), path)
    program = (
        "import importlib.util, sys, secateur as sct\n"
        "assert 'onnx' not in sys.modules and 'torch' not in sys.modules\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'onnx' else find(name, *a)\n"
        f"try:\n    sct.compile({str(path)!r})\n"
        "except sct.SecateurError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "needs the package onnx: pip install 'secateur-nn[onnx]'" in done.stdout


def test_compiling_needs_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(small(), path)
    program = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch':\n"
        "            raise ImportError(name + ' was imported')\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"import secateur as sct\nprint(sct.compile({str(path)!r}).outputs)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "{'y': (1, 5)}" in done.stdout, done.stderr


def test_a_wrong_translation_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from secateur.frontend.onnx.readers import READERS

    monkeypatch.setitem(READERS, "Relu", lambda b, a: b.unary(a.floats(), "abs"))
    with pytest.raises(MismatchError, match=r"first off in the translation: the_relu, Relu"):
        sct.compile(small())
