// One function per operator: how many tensors, which shapes, which buffers.
#include <string>

#include "format/text.h"
#include "format/verify.h"

namespace secateur::format {
namespace {

constexpr int64_t kMaxMacs = int64_t{1} << 60;

Status invalid(std::string what) { return {StatusCode::model_invalid, std::move(what)}; }

int64_t positions(const Tensor& t) { return int64_t{t.height} * t.width; }

std::string shape(const Tensor& t) {
  return text("[", t.batch, ", ", t.channels, ", ", t.height, ", ", t.width, "]");
}

// Element-wise operators see positions, not rows and columns.
Status same(const Tensor& a, const Tensor& b, const char* what) {
  if (a.batch == b.batch && a.channels == b.channels && positions(a) == positions(b)) return {};
  return invalid(text(what, " is ", shape(a), " where ", shape(b), " is needed"));
}

Status optional_floats(const Model& model, uint32_t number, int64_t floats, const char* what) {
  if (number == kNoBuffer) return {};
  return verify_buffer(model, number, static_cast<uint64_t>(floats) * sizeof(float), what);
}

// The tensors of an operator, numbers resolved.
struct Ports {
  const Model& model;
  const Op& op;
  size_t inputs() const { return op.inputs.size(); }
  const Tensor& x(size_t i = 0) const { return model.tensors[op.inputs[i]]; }
  const Tensor& y() const { return model.tensors[op.outputs[0]]; }
};

Status count_inputs(const Ports& p, size_t least, size_t most) {
  if (p.inputs() >= least && p.inputs() <= most) return {};
  return invalid(text(p.inputs(), " inputs"));
}

Status plain_activation(const Ports& p) {
  if (p.op.activation == ActivationKind::none) return {};
  return invalid("it takes no activation");
}

// out = floor((in + before + after - extent) / stride) + 1, extent = dilation * (kernel - 1) + 1.
Status verify_axis(const char* axis, int64_t in, int64_t out, uint32_t kernel, uint32_t stride,
                   uint32_t dilation, uint32_t before, uint32_t after) {
  for (uint32_t value : {kernel, stride, dilation}) {
    if (value == 0 || value > kMaxWindow) return invalid(text(axis, ": a window number ", value));
  }
  if (before > kMaxWindow || after > kMaxWindow) return invalid(text(axis, ": padding too large"));
  const int64_t extent = int64_t{dilation} * (kernel - 1) + 1;
  const int64_t padded = in + before + after;
  // Kernels count padded rows and columns in 32 bits.
  if (extent > INT32_MAX / 4 || padded > INT32_MAX / 4) return invalid(text(axis, ": too large"));
  if (padded < extent) return invalid(text(axis, ": the window is larger than the padded input"));
  const int64_t expected = (padded - extent) / stride + 1;
  if (out == expected) return {};
  return invalid(text("output ", axis, " is ", out, ", the window gives ", expected));
}

Status verify_window(const Window& w, const Tensor& x, const Tensor& y) {
  if (x.batch != y.batch) return invalid(text("batch ", x.batch, " becomes ", y.batch));
  SCT_RETURN_IF_ERROR(verify_axis("height", x.height, y.height, w.kernel_h, w.stride_h,
                                  w.dilation_h, w.pad_top, w.pad_bottom));
  return verify_axis("width", x.width, y.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left,
                     w.pad_right);
}

Status verify(const Ports&, const std::monostate&) { return invalid("it has no options"); }

Status verify(const Ports& p, const Conv& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 2));
  const Tensor &x = p.x(), &y = p.y();
  SCT_RETURN_IF_ERROR(verify_window(o.window, x, y));
  if (o.groups == 0 || x.channels % o.groups != 0 || y.channels % o.groups != 0) {
    return invalid(text(o.groups, " groups do not divide ", x.channels, " input and ", y.channels,
                        " output channels"));
  }
  const int64_t kernel = int64_t{o.window.kernel_h} * o.window.kernel_w;
  if (kernel > kMaxFloats / x.channels) return invalid("its kernel is too large");
  const int64_t cols = x.channels / o.groups * kernel;
  SCT_RETURN_IF_ERROR(verify_weight(p.model, o.weight, y.channels, cols, o.groups));
  if (int64_t{y.channels} * cols > kMaxMacs / (positions(y) * y.batch)) return invalid("too large");
  SCT_RETURN_IF_ERROR(optional_floats(p.model, o.bias, y.channels, "bias"));
  if (p.inputs() == 2) SCT_RETURN_IF_ERROR(same(p.x(1), y, "the residual"));
  return {};
}

Status verify(const Ports& p, const Depthwise& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  const Tensor &x = p.x(), &y = p.y();
  SCT_RETURN_IF_ERROR(verify_window(o.window, x, y));
  if (x.channels != y.channels) return invalid("its channels change");
  const int64_t kernel = int64_t{o.window.kernel_h} * o.window.kernel_w;
  if (kernel > kMaxFloats / x.channels) return invalid("its kernel is too large");
  SCT_RETURN_IF_ERROR(verify_buffer(
      p.model, o.weight, static_cast<uint64_t>(x.channels * kernel) * sizeof(float), "weight"));
  if (x.channels * kernel > kMaxMacs / (positions(y) * y.batch)) return invalid("too large");
  return optional_floats(p.model, o.bias, x.channels, "bias");
}

Status verify(const Ports& p, const Pool& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  if (o.kind > PoolKind::MAX) return invalid("an unknown kind of pooling");
  const Window& w = o.window;
  SCT_RETURN_IF_ERROR(verify_window(w, p.x(), p.y()));
  // So that every window meets the input.
  if (w.pad_top >= w.kernel_h || w.pad_bottom >= w.kernel_h || w.pad_left >= w.kernel_w ||
      w.pad_right >= w.kernel_w) {
    return invalid("its padding is not smaller than its window");
  }
  const int64_t kernel = int64_t{w.kernel_h} * w.kernel_w;
  if (kernel > kMaxMacs / (positions(p.y()) * p.y().batch * p.y().channels)) {
    return invalid("too large");
  }
  if (p.x().channels != p.y().channels) return invalid("its channels change");
  return {};
}

Status verify(const Ports& p, const GlobalPool& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  if (o.kind > ReduceKind::MAX) return invalid("an unknown kind of reduction");
  const Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && x.channels == y.channels && positions(y) == 1) return {};
  return invalid(text("it makes ", shape(y), " of ", shape(x)));
}

Status verify(const Ports& p, const Binary& o) {
  if (o.kind > BinaryKind::MAX) return invalid("an unknown kind of arithmetic");
  const Tensor& x = p.x();
  SCT_RETURN_IF_ERROR(same(p.y(), x, "the output"));
  if (p.inputs() == 2) {
    if (o.constant != kNoBuffer) return invalid("two inputs and a constant");
    const Tensor& b = p.x(1);
    const bool per_channel =
        positions(b) == 1 && b.channels == x.channels && (b.batch == 1 || b.batch == x.batch);
    return per_channel ? Status() : same(b, x, "the second input");
  }
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  if (o.constant >= p.model.buffers.size()) return invalid("no second input and no constant");
  const uint64_t bytes = p.model.buffers[o.constant].bytes;
  for (int64_t floats : {int64_t{1}, int64_t{x.channels}, x.channels * positions(x)}) {
    if (bytes == static_cast<uint64_t>(floats) * sizeof(float)) return {};
  }
  return invalid(text("a constant of ", bytes, " bytes fits neither 1, ", x.channels, " nor ",
                      x.channels * positions(x), " floats"));
}

Status verify(const Ports& p, const Unary&) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  return same(p.y(), p.x(), "the output");
}

Status verify(const Ports& p, const Concat&) {
  const Tensor& y = p.y();
  int64_t channels = 0;
  for (size_t i = 0; i < p.inputs(); i++) {
    const Tensor& x = p.x(i);
    if (x.batch != y.batch || positions(x) != positions(y)) {
      return invalid(text("input ", i, " is ", shape(x), ", the output ", shape(y)));
    }
    channels += x.channels;
  }
  if (channels == y.channels) return {};
  return invalid(text(channels, " channels come in, ", y.channels, " go out"));
}

// begin + step * (count - 1) < limit
bool strided_inside(uint32_t begin, uint32_t step, uint32_t count, uint32_t limit) {
  return step > 0 && begin < limit && uint64_t{step} * (count - 1) < limit - begin;
}

Status verify(const Ports& p, const Slice& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  const Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && strided_inside(o.channel_begin, 1, y.channels, x.channels) &&
      strided_inside(o.row_begin, o.row_step, y.height, x.height) &&
      strided_inside(o.col_begin, o.col_step, y.width, x.width)) {
    return {};
  }
  return invalid(text("it takes ", shape(y), " from outside ", shape(x)));
}

Status verify(const Ports& p, const Pad& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  const Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && uint64_t{o.channel_before} + x.channels <= y.channels &&
      uint64_t{o.top} + x.height <= y.height && uint64_t{o.left} + x.width <= y.width) {
    return {};
  }
  return invalid(text("it places ", shape(x), " outside ", shape(y)));
}

Status verify(const Ports& p, const LayerNorm& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  SCT_RETURN_IF_ERROR(same(p.y(), p.x(), "the output"));
  SCT_RETURN_IF_ERROR(optional_floats(p.model, o.gamma, p.x().channels, "gamma"));
  return optional_floats(p.model, o.beta, p.x().channels, "beta");
}

Status verify(const Ports& p, const Softmax&) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  SCT_RETURN_IF_ERROR(plain_activation(p));
  return same(p.y(), p.x(), "the output");
}

Status verify(const Ports& p, const Attention& o) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 3, 3));
  SCT_RETURN_IF_ERROR(plain_activation(p));
  const Tensor &q = p.x(0), &k = p.x(1), &v = p.x(2), &y = p.y();
  if (o.heads == 0 || q.channels % o.heads != 0 || v.channels % o.heads != 0) {
    return invalid(text(o.heads, " heads do not divide the channels"));
  }
  if (k.batch != q.batch || v.batch != q.batch || y.batch != q.batch || k.channels != q.channels ||
      y.channels != v.channels || positions(k) != positions(v) || positions(y) != positions(q)) {
    return invalid(text("q ", shape(q), ", k ", shape(k), ", v ", shape(v), ", y ", shape(y)));
  }
  // head_dim multiply-adds per pair of tokens, for q.k and for the mix of v.
  const int64_t channels = std::max(q.channels, v.channels);
  if (positions(q) > kMaxFloats / positions(k) ||
      channels * q.batch > kMaxMacs / 2 / (positions(q) * positions(k))) {
    return invalid("too many tokens");
  }
  return optional_floats(p.model, o.mask, positions(q) * positions(k), "mask");
}

Status verify(const Ports& p, const Flatten&) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  SCT_RETURN_IF_ERROR(plain_activation(p));
  const Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && positions(y) == 1 && x.channels * positions(x) == y.channels) return {};
  return invalid(text("it makes ", shape(y), " of ", shape(x)));
}

Status verify(const Ports& p, const Transpose&) {
  SCT_RETURN_IF_ERROR(count_inputs(p, 1, 1));
  SCT_RETURN_IF_ERROR(plain_activation(p));
  const Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && positions(x) == y.channels && x.channels == positions(y)) return {};
  return invalid(text("it makes ", shape(y), " of ", shape(x)));
}

}  // namespace

Status verify_op(const Model& model, const Op& op) {
  if (op.inputs.empty() || op.outputs.size() != 1) {
    return invalid(text(op.inputs.size(), " inputs and ", op.outputs.size(), " outputs"));
  }
  for (const auto* numbers : {&op.inputs, &op.outputs}) {
    for (uint32_t number : *numbers) {
      if (number >= model.tensors.size()) return invalid(text("no tensor ", number));
    }
  }
  if (op.activation > ActivationKind::MAX) return invalid("an unknown activation");
  const Ports ports{model, op};
  return std::visit([&](const auto& options) { return verify(ports, options); }, op.options);
}

}  // namespace secateur::format
