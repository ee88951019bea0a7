"""Normalisations at inference."""

from __future__ import annotations

from secateur.frontend.torch.registry import Args, reads
from secateur.lowering import attention, norm, statistics
from secateur.lowering.axes import Tensor
from secateur.lowering.builder import Builder
from secateur.lowering.reduce import reduce
from secateur.lowering.unsupported import Unsupported


@reads("_native_batch_norm_legit_no_training.default", "batch_norm.default", "native_batch_norm.default")
def batch_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None, None]:
    if (
        (a.get("training") or a.get("train"))
        and a.target == "batch_norm.default"
        and not a.has("running_mean")
    ):
        weight, bias = a.maybe_const("weight"), a.maybe_const("bias")
        return statistics.batch_norm(b, a.tensor("input"), weight, bias, float(a.get("eps")))
    if a.get("training") or a.get("train"):
        raise Unsupported("batch normalisation in training mode: call model.eval() before exporting")
    y = norm.batch_norm(
        b,
        a.tensor("input"),
        a.const("running_mean"),
        a.const("running_var"),
        a.maybe_const("weight"),
        a.maybe_const("bias"),
        float(a.get("eps")),
    )
    return y if a.target.startswith("batch_norm") else (y, None, None)


@reads("layer_norm.default", "native_layer_norm.default")
def layer_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None, None]:
    count = len(a.ints("normalized_shape"))
    weight, bias = a.maybe_const("weight"), a.maybe_const("bias")
    y = norm.layer_norm(b, a.tensor("input"), count, weight, bias, float(a.get("eps")))
    return y if a.target.startswith("layer_norm") else (y, None, None)


@reads("group_norm.default", "native_group_norm.default")
def group_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None, None]:
    groups = int(a.get("num_groups", a.get("group")))
    weight, bias = a.maybe_const("weight"), a.maybe_const("bias")
    y = statistics.group_norm(b, a.tensor("input"), groups, weight, bias, float(a.get("eps")))
    return y if a.target.startswith("group_norm") else (y, None, None)


@reads("instance_norm.default")
def instance_norm(b: Builder, a: Args) -> Tensor:
    x, weight, bias = a.tensor("input"), a.maybe_const("weight"), a.maybe_const("bias")
    epsilon = float(a.get("eps"))
    if a.get("use_input_stats"):
        return statistics.group_norm(b, x, x.shape[1], weight, bias, epsilon)
    return norm.batch_norm(b, x, a.const("running_mean"), a.const("running_var"), weight, bias, epsilon)


@reads("rms_norm.default", "_fused_rms_norm.default")
def rms_norm(b: Builder, a: Args) -> Tensor | tuple[Tensor, None]:
    epsilon = a.get("eps")
    y = statistics.rms_norm(
        b,
        a.tensor("input"),
        len(a.ints("normalized_shape")),
        a.maybe_const("weight"),
        2**-23 if epsilon is None else float(epsilon),
    )
    return y if a.target.startswith("rms_norm") else (y, None)


@reads("linalg_vector_norm.default", "norm.ScalarOpt_dim", "norm.Scalar")
def vector_norm(b: Builder, a: Args) -> Tensor:
    order = a.get("ord", a.get("p"))
    order = 2.0 if order is None else float(order)
    return statistics.vector_norm(b, a.tensor("self"), order, a.ints("dim"), bool(a.get("keepdim")))


@reads("var.correction", "var.dim")
def variance(b: Builder, a: Args) -> Tensor:
    correction = a.get("correction", int(bool(a.get("unbiased", True))))
    correction = 1.0 if correction is None else float(correction)
    return statistics.variance(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")), correction)


@reads("std.correction", "std.dim")
def deviation(b: Builder, a: Args) -> Tensor:
    return b.unary(variance(b, a), "sqrt")


def _softmax(b: Builder, x: Tensor, dim: int) -> Tensor:
    y = attention.softmax(b, x, dim)
    assert isinstance(y, Tensor)
    return y


@reads("log_softmax.int", "_log_softmax.default")
def log_softmax(b: Builder, a: Args) -> Tensor:
    x, dim = a.tensor("self"), int(a.get("dim"))
    return statistics.log_softmax(b, x, dim, _softmax(b, x, dim))


@reads("logsumexp.default")
def log_sum_exp(b: Builder, a: Args) -> Tensor:
    x, dims = a.tensor("self"), a.ints("dim")
    if len(dims) != 1:
        return statistics.log_sum_exp_over(b, x, dims, bool(a.get("keepdim")))
    return statistics.log_sum_exp(b, x, dims[0], bool(a.get("keepdim")), _softmax(b, x, dims[0]))


@reads("var_mean.correction", "var_mean.dim", "std_mean.correction", "std_mean.dim")
def with_mean(b: Builder, a: Args) -> tuple[Tensor, Tensor]:
    spread = deviation(b, a) if a.target.startswith("std") else variance(b, a)
    return spread, reduce(b, a.tensor("self"), a.ints("dim"), bool(a.get("keepdim")), "mean")


@reads("cosine_similarity.default")
def cosine_similarity(b: Builder, a: Args) -> Tensor:
    return statistics.cosine(b, a.tensor("x1"), a.tensor("x2"), int(a.get("dim")), float(a.get("eps")))
