"""`secateur compile`, `quantize` and `verify` of an ONNX file, and the verbs that take none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import Result

import secateur as sct

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``y = x w + h``, ``h`` of the next run is ``y``; `gain` multiplies all."""
    weight = np.random.default_rng(0).standard_normal((6, 6), np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Mul", ["p", "gain"], ["q"]),
        helper.make_node("Add", ["q", "h"], ["y"]),
        helper.make_node("Identity", ["y"], ["hn"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["N", 6]), ("h", ["N", 6]), ("gain", ()))
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "hn")]
    graph = helper.make_graph(nodes, "net", inputs, outputs, [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    onnx.save(model, path)
    return path


def test_shapes_numbers_and_states(run: Run, path: Path, tmp_path: Path) -> None:
    output = tmp_path / "net.sct"
    words = ("--input-shape", "x=2,6", "--input-shape", "h=2,6", "--fix", "gain=0.5", "--state", "h=hn")
    text = run("compile", path, "-o", output, *words).stdout
    assert f"wrote {output}" in text.replace("\n", "")
    weight = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    session, x = sct.Session(output), np.ones((2, 6), np.float32)
    for count in (1, 2, 3):
        np.testing.assert_allclose(session.run(x), count * 0.5 * (x @ weight), rtol=1e-5, atol=1e-6)


def test_a_batch_left_open_is_one_and_said(run: Run, path: Path, tmp_path: Path) -> None:
    text = run("compile", path, "-o", tmp_path / "net.sct", "--fix", "gain=2").stdout
    assert "inputs: x is [N, 6] in the file; compiled for a batch of 1" in " ".join(text.split())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--fix", "gain"), "--fix is given as NAME=VALUE, not 'gain'"),
        (("--fix", "gain=much"), "'much' is not a number"),
        (("--fix", "gain=1", "--input-shape", "1,6"), "--input-shape NAME=1,3,224,224"),
        (("--checkpoint", "w.pt"), "--checkpoint goes with a factory"),
    ],
)
def test_options_that_do_not_fit(
    run: Run, path: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    result = run("compile", path, "-o", tmp_path / "net.sct", *words, status=1)
    assert sentence in " ".join(result.stderr.split())


def test_other_verbs_and_other_networks(run: Run, path: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("sparsity = 0.5\n")
    result = run("prune", path, "--recipe", recipe, "-o", tmp_path / "p.pt2", status=1)
    assert "is an ONNX file, which secateur compile, quantize and verify take" in " ".join(
        result.stderr.split()
    )
    result = run("compile", "mobilenet_v1", "-o", tmp_path / "m.sct", "--fix", "a=1", status=1)
    assert "--fix and --state go with an ONNX file" in " ".join(result.stderr.split())


def test_verify_runs_the_file_beside_its_source(run: Run, path: Path, tmp_path: Path) -> None:
    """Of the same numbers and states; of another number the outputs differ, and that is said."""
    made, how = tmp_path / "net.sct", ("--fix", "gain=1.5", "--state", "h=hn")
    run("compile", path, "-o", made, *how)
    assert "computes what" in run("verify", made, "--against", path, *how, "--samples", "2").stdout
    result = run("verify", made, "--against", path, "--fix", "gain=2", "--state", "h=hn", status=1)
    assert "is not" in result.stderr
    result = run("verify", made, "--against", "mobilenet_v1", "--fix", "gain=2", status=1)
    assert "--fix and --state go with an ONNX file" in " ".join(result.stderr.split())


def test_quantize_describes_what_compile_takes(run: Run, path: Path, tmp_path: Path) -> None:
    samples, described = tmp_path / "x.npz", tmp_path / "q.json"
    np.savez(samples, x=np.random.default_rng(1).standard_normal((8, 6), np.float32))
    how = ("--fix", "gain=1.5", "--state", "h=hn")
    run("quantize", path, "--calibration", samples, "-o", described, *how, "--no-keep-outputs")
    made = tmp_path / "net.sct"
    run("compile", path, "-o", made, *how, "--quantize", described)
    assert any(row["dtype"] == "i8" for row in sct.Session(str(made)).layers)
    assert "int8" in run("verify", made, "--against", path, *how).stdout
