"""The operator table against the file's schema, the verifier, and the NumPy definitions against PyTorch."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from secateur.ir import (
    OPERATORS,
    Activation,
    DType,
    Graph,
    Layout,
    Op,
    Port,
    Residence,
    TensorType,
    Value,
    planes,
    row_major,
    verify,
)
from secateur.ir import options as o
from secateur.ir.activation import ACTIVATION_KINDS, activate
from secateur.ir.reference import run_op
from secateur.ir.verify import GraphError

SCHEMA = (Path(__file__).parents[3] / "csrc" / "format" / "model.fbs").read_text()


def table(name: str) -> list[str]:
    body = re.search(rf"(?:table|struct|enum) {name}\b[^{{]*{{(.*?)}}", SCHEMA, re.S)
    assert body is not None, name
    text = re.sub(r"//.*", "", body[1])
    return [part.split(":")[0].split("=")[0].strip() for part in re.split(r"[;,]", text) if part.strip()]


def test_table_has_the_schemas_operators() -> None:
    union = re.search(r"union Options \{(.*?)\}", SCHEMA, re.S)
    assert union is not None
    names = [name.strip() for name in union[1].split(",")]
    assert sorted(row.kind for row in OPERATORS.values() if row.in_file) == sorted(names)


@pytest.mark.parametrize("kind", [row.kind for row in OPERATORS.values() if row.in_file])
def test_options_are_the_schemas_fields(kind: str) -> None:
    ours = {field.name for field in fields(OPERATORS[kind].options)}
    # a field of its weight; a tensor of the file
    ours -= {"Conv": {"scales"}, "Recurrent": {"scales"}, "Embedding": {"rows"}}.get(kind, set())
    theirs = set(table(kind))
    widths = {name for name in theirs if name.removesuffix("_bits") in theirs - {name}}  # an array's own
    assert ours - {"storage"} == theirs - widths


def test_generated_fields_are_the_schemas() -> None:
    script = Path(__file__).parents[3] / "scripts" / "generate_fields.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_types_are_the_schemas() -> None:
    assert [dtype.value for dtype in DType] == table("DType")
    assert [layout.value for layout in Layout] == table("Layout")
    assert [residence.value for residence in Residence] == table("Residence")


def test_activations_are_the_schemas() -> None:
    assert list(ACTIVATION_KINDS) == table("ActivationKind")


def graph() -> Graph:
    x, y, z = Value("x", planes(1, 4, 5, 6)), Value("y", planes(1, 3, 5, 6)), Value("z", planes(1, 3, 5, 6))
    conv = Op("Conv", "conv", [x], y, o.ConvOptions(weight=np.ones((3, 4), np.float32)))
    relu = Op("Unary", "relu", [y], z, o.UnaryOptions(), Activation("relu"))
    return Graph("g", [Port("x", x, x.shape)], [Port("z", z, z.shape)], [conv, relu])


def test_a_sound_graph_passes() -> None:
    verify(graph(), final=True)
    assert "Conv(%x, weight=3x4)" in str(graph())


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda g: g.ops.reverse(), "before it is made"),
        (lambda g: g.ops.append(g.ops[0]), "assigned twice"),
        (lambda g: setattr(g.ops[0].output, "type", planes(1, 2, 5, 6)), "its rule gives"),
        (lambda g: setattr(g.ops[0].output, "type", row_major(1, 3, 5, 6)), "its rule gives 1x3x5x6$"),
        (lambda g: setattr(g.ops[1].output, "type", TensorType((1, 3, 5, 6), DType.I8)), "i8, its rule"),
        (lambda g: setattr(g.ops[1].output, "type", TensorType((1, 3, 30))), "4 dimensions"),
        (lambda g: setattr(g.ops[1].output, "type", planes(1, 3, 5, 5)), "rename rows"),
        (lambda g: setattr(g.inputs[0].value, "type", TensorType((1, 4, 5, 6), DType.I64)), "does not take"),
        (
            lambda g: setattr(g.inputs[0].value, "type", TensorType((1, 4, 5, 6), DType.F16)),
            "gives 1x3x5x6 f16",
        ),
        (lambda g: setattr(g.inputs[0].value, "type", row_major(1, 4, 5, 6)), "row_major"),
        (lambda g: setattr(g.inputs[0].value, "type", planes(1, 4, 5, 0)), "at least 1"),
        (
            lambda g: setattr(
                g.inputs[0].value, "type", TensorType((1, 4, 5, 6), residence=Residence.CONSTANT)
            ),
            "a constant",
        ),
        (lambda g: setattr(g.ops[0].output, "name", "x"), "two values"),
        (lambda g: setattr(g.ops[0].options, "stride_h", 0), "stride_h"),
        (lambda g: setattr(g.ops[0].options, "weight", np.ones((3, 4))), "float64"),
        (lambda g: setattr(g.ops[0].options, "weight", np.ones((3, 5), np.float32)), "columns"),
        (lambda g: setattr(g.ops[0].options, "bias", np.ones(2, np.float32)), "bias"),
        (lambda g: setattr(g.ops[0].options, "groups", 5), "groups"),
        (lambda g: setattr(g.ops[1], "kind", "Warp"), "unknown operator"),
        (lambda g: setattr(g.ops[1], "options", o.ConcatOptions()), "options of type"),
        (lambda g: setattr(g.ops[1], "activation", Activation("step")), "unknown activation"),
        (lambda g: g.ops[1].inputs.append(g.ops[0].output), "2 inputs"),
        (lambda g: g.outputs.clear(), "no output"),
        (lambda g: setattr(g.outputs[0], "value", Value("w", planes(1, 1, 1, 1))), "nothing makes"),
        (lambda g: setattr(g.outputs[0], "shape", (1, 2)), "differ in size"),
    ],
)
def test_faults_are_named(fault: object, message: str) -> None:
    broken = copy.deepcopy(graph())
    assert callable(fault)
    fault(broken)
    with pytest.raises(GraphError, match=message):
        verify(broken)


def test_final_graphs_hold_what_a_file_can() -> None:
    g = graph()
    g.inputs[0].value.type = TensorType((1, 4, 5, 6), residence=Residence.STATE)
    verify(g)
    with pytest.raises(GraphError, match="1x4x5x6 state; a model file holds f32 planes and rows"):
        verify(g, final=True)


@pytest.mark.parametrize(
    ("kind", "options", "shapes", "out", "message"),
    [
        ("Slice", o.SliceOptions(2, 1, 2, 0, 1), [(1, 4, 5, 6)], (1, 2, 2, 6), None),
        ("Slice", o.SliceOptions(2, 1, 2, 0, 1), [(1, 4, 5, 6)], (1, 2, 3, 6), r"reaches \(4, 6, 6\)"),
        ("Slice", o.SliceOptions(), [(2, 4, 5, 6)], (1, 4, 5, 6), "reaches"),
        ("Pad", o.PadOptions(1, 0, 2), [(1, 4, 5, 6)], (1, 5, 5, 8), None),
        ("Pad", o.PadOptions(1, 0, 2), [(1, 4, 5, 6)], (1, 5, 5, 7), r"reach \(5, 5, 8\)"),
        ("Affine", o.AffineOptions(np.ones(4, np.float32), np.ones(3, np.float32)), [(1, 4, 1, 1)],
         (1, 4, 1, 1), "per channel"),
        ("Concat", o.ConcatOptions(), [(1, 4, 5, 6), (1, 2, 3, 10)], (1, 6, 5, 6), None),
        ("Concat", o.ConcatOptions(), [(1, 4, 5, 6), (1, 2, 3, 9)], (1, 6, 5, 6), "only channels"),
        ("Transpose", o.TransposeOptions(), [(1, 4, 5, 6)], (1, 30, 1, 4), None),
        ("Transpose", o.TransposeOptions(), [(1, 4, 5, 6)], (1, 30, 4, 1), "its rule gives 1x30x1x4"),
        ("Flatten", o.FlattenOptions(), [(2, 4, 5, 6)], (2, 120, 1, 1), None),
        ("GlobalPool", o.GlobalPoolOptions(), [(2, 4, 5, 6)], (2, 4, 5, 1), "its rule gives 2x4x1x1"),
    ],
)  # fmt: skip
def test_rules_of_shape(
    kind: str, options: o.Options, shapes: list[tuple[int, ...]], out: tuple[int, ...], message: str | None
) -> None:
    values = [Value(f"x{i}", TensorType(shape)) for i, shape in enumerate(shapes)]
    y = Value("y", TensorType(out))
    ports = [Port(v.name, v, v.shape) for v in values]
    g = Graph("g", ports, [Port("y", y, out)], [Op(kind, "op", list(values), y, options)])
    if message is None:
        verify(g)
        return
    with pytest.raises(GraphError, match=message):
        verify(g)


def test_types_say_what_differs_from_planes() -> None:
    assert str(planes(1, 2, 3, 4)) == "1x2x3x4"
    assert str(row_major(5, dtype=DType.I64)) == "5 i64 row_major"
    assert str(TensorType((), layout=Layout.ROW_MAJOR)) == "scalar row_major"
    assert [d.numpy.itemsize for d in DType] == [4, 2, 1, 4, 8, 1, 1]
    assert row_major(2, 3).size == 6


def test_final_graphs_hold_no_affine() -> None:
    x, y = Value("x", planes(1, 2, 1, 1)), Value("y", planes(1, 2, 1, 1))
    options = o.AffineOptions(np.ones(2, np.float32), np.ones(2, np.float32))
    g = Graph("g", [Port("x", x, (1, 2))], [Port("y", y, (1, 2))], [Op("Affine", "bn", [x], y, options)])
    verify(g)
    with pytest.raises(GraphError, match="no form in a model file"):
        verify(g, final=True)


TORCH_ACTIVATIONS = {
    "none": lambda x: x,
    "relu": F.relu,
    "clamp": lambda x: x.clamp(-0.5, 0.75),
    "leaky_relu": lambda x: F.leaky_relu(x, -0.5),
    "hard_swish": F.hardswish,
    "hard_sigmoid": F.hardsigmoid,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "elu": lambda x: F.elu(x, -0.5),
    "mish": F.mish,
    "softplus": F.softplus,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "abs": torch.abs,
    "sin": torch.sin,
    "cos": torch.cos,
    "erf": torch.erf,
    "floor": torch.floor,
    "round": torch.round,
    "atan": torch.atan,
}


@pytest.mark.parametrize("kind", ACTIVATION_KINDS)
def test_reference_activations(kind: str) -> None:
    x = np.array([-9, -3, -1, -0.25, -0.0, 0.0, 0.5, 1, 3, 9, np.nan, np.inf], np.float64)
    want = TORCH_ACTIVATIONS[kind](torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(activate(x, Activation(kind, -0.5, 0.75)), want, rtol=1e-12, atol=1e-12)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def run(kind: str, options: o.Options, shape: tuple[int, ...], *inputs: np.ndarray) -> np.ndarray:
    values = [Value(f"x{i}", TensorType(x.shape)) for i, x in enumerate(inputs)]
    return run_op(Op(kind, kind, values, Value("y", TensorType(shape)), options), inputs)  # type: ignore[arg-type]


def test_reference_convolution() -> None:
    x, w, b = normal(2, 6, 9, 8), normal(4, 3, 3, 2).astype(np.float32), normal(4).astype(np.float32)
    want = F.conv2d(*(torch.from_numpy(a).double() for a in (x, w, b)), (2, 1), (1, 0), (1, 2), 2).numpy()
    options = o.ConvOptions(
        kernel_h=3,
        kernel_w=2,
        stride_h=2,
        dilation_w=2,
        pad_top=1,
        pad_bottom=1,
        groups=2,
        weight=w.reshape(4, -1),
        bias=b,
    )
    np.testing.assert_allclose(run("Conv", options, want.shape, x), want, atol=1e-12)
    r = normal(*want.shape)
    np.testing.assert_allclose(run("Conv", options, want.shape, x, r), want + r, atol=1e-12)


def test_reference_depthwise_and_pools() -> None:
    x, w = normal(2, 5, 9, 8), normal(5, 1, 3, 3).astype(np.float32)
    t = torch.from_numpy(x)
    want = F.conv2d(t, torch.from_numpy(w).double(), None, 2, 1, 1, 5).numpy()
    window = {"kernel_h": 3, "kernel_w": 3, "stride_h": 2, "stride_w": 2}
    pads = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}
    got = run("Depthwise", o.DepthwiseOptions(**window, **pads, weight=w[:, 0]), want.shape, x)
    np.testing.assert_allclose(got, want, atol=1e-12)
    for kind, result in (
        ("max", F.max_pool2d(t, 3, 2, 1)),
        ("average", F.avg_pool2d(t, 3, 2, 1, count_include_pad=False)),
        ("average_counting_pad", F.avg_pool2d(t, 3, 2, 1)),
    ):
        got = run("Pool", o.PoolOptions(**window, **pads, kind=kind), tuple(result.shape), x)
        np.testing.assert_allclose(got, result.numpy(), atol=1e-12)


def test_reference_attention_and_norms() -> None:
    q, k, v = normal(2, 6, 1, 7), normal(2, 6, 1, 5), normal(2, 9, 1, 5)
    mask = normal(7, 5).astype(np.float32)

    def heads(x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x).reshape(2, 3, -1, x.shape[3]).transpose(2, 3)

    want = F.scaled_dot_product_attention(
        heads(q), heads(k), heads(v), attn_mask=torch.from_numpy(mask).double(), scale=0.3
    )
    got = run("Attention", o.AttentionOptions(3, 0.3, False, mask), (2, 9, 1, 7), q, k, v)
    np.testing.assert_allclose(got, want.transpose(2, 3).reshape(2, 9, 1, 7).numpy(), atol=1e-12)
    x = normal(2, 6, 2, 3)
    gamma, beta = normal(6).astype(np.float32), normal(6).astype(np.float32)
    tokens = torch.from_numpy(x).permute(0, 2, 3, 1)
    want = F.layer_norm(tokens, (6,), torch.from_numpy(gamma).double(), torch.from_numpy(beta).double())
    got = run("LayerNorm", o.LayerNormOptions(gamma, beta, 1e-5), x.shape, x)
    np.testing.assert_allclose(got, want.permute(0, 3, 1, 2).numpy(), atol=1e-9)
    got = run("Softmax", o.SoftmaxOptions(), x.shape, x)
    np.testing.assert_allclose(got, torch.from_numpy(x).softmax(1).numpy(), atol=1e-12)
