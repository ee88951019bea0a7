#include "runtime/build_op.h"

namespace secateur {
namespace {

// The file's enums and the operators' enums are the same numbers.
template <typename To, typename From>
To same_number(From value) {
  static_assert(static_cast<int>(From::MAX) >= 0);
  return static_cast<To>(static_cast<int>(value));
}
static_assert(static_cast<int>(format::ActivationKind::MAX) ==
              static_cast<int>(ActivationKind::gelu_tanh));
static_assert(static_cast<int>(format::WeightFormat::MAX) == static_cast<int>(WeightFormat::nm));
static_assert(static_cast<int>(format::PoolKind::MAX) ==
              static_cast<int>(PoolKind::average_counting_pad));
static_assert(static_cast<int>(format::ReduceKind::MAX) == static_cast<int>(ReduceKind::max));
static_assert(static_cast<int>(format::BinaryKind::MAX) == static_cast<int>(BinaryKind::min));

struct Builder {
  const format::Model& model;
  const format::Op& op;
  Isa isa;
  int threads;
  WeightMemory* memory;
  SharedWeights* shared;
  OperatorPtr* out;

  Planes x(size_t i = 0) const { return model.tensors[op.inputs[i]].planes(); }
  Planes y() const { return model.tensors[op.outputs[0]].planes(); }
  Activation activation() const {
    return {same_number<ActivationKind>(op.activation), op.activation_a, op.activation_b};
  }
  const float* floats(uint32_t buffer) const {
    if (buffer == format::kNoBuffer) return nullptr;
    return static_cast<const float*>(model.buffers[buffer].data);
  }

  static Window window(const format::Window& w) {
    Window out;
    out.kernel_h = static_cast<int>(w.kernel_h);
    out.kernel_w = static_cast<int>(w.kernel_w);
    out.stride_h = static_cast<int>(w.stride_h);
    out.stride_w = static_cast<int>(w.stride_w);
    out.dilation_h = static_cast<int>(w.dilation_h);
    out.dilation_w = static_cast<int>(w.dilation_w);
    out.pad_top = static_cast<int>(w.pad_top);
    out.pad_left = static_cast<int>(w.pad_left);
    out.pad_bottom = static_cast<int>(w.pad_bottom);
    out.pad_right = static_cast<int>(w.pad_right);
    return out;
  }

  WeightView weight(const format::Weight& w) const {
    WeightView v;
    v.format = same_number<WeightFormat>(w.format);
    v.rows = w.rows;
    v.cols = w.cols;
    v.block_rows = static_cast<int>(w.block_rows);
    v.block_cols = static_cast<int>(w.block_cols);
    v.n = static_cast<int>(w.n);
    v.m = static_cast<int>(w.m);
    v.nnz = static_cast<int64_t>(w.nnz);
    v.index_bits = w.index_bits;
    v.counts_bits = w.counts_bits;
    const auto view = [&](uint32_t buffer, int bits, const void* data, int64_t* count) {
      *count = static_cast<int64_t>(model.buffers[buffer].bytes / (bits / 8));
      return data;
    };
    v.values = floats(w.values);
    view(w.values, 32, nullptr, &v.values_count);
    if (w.format != format::WeightFormat::dense) {
      v.index = view(w.index, w.index_bits, model.buffers[w.index].data, &v.index_count);
    }
    if (w.format == format::WeightFormat::csr || w.format == format::WeightFormat::bsr) {
      v.counts = view(w.counts, w.counts_bits, model.buffers[w.counts].data, &v.counts_count);
    }
    return v;
  }

  Status operator()(const std::monostate&) const {
    return {StatusCode::internal, "an operator without options passed verification"};
  }
  Status operator()(const format::Conv& o) const {
    ConvDesc d;
    d.x = x();
    d.y = y();
    d.window = window(o.window);
    d.groups = static_cast<int>(o.groups);
    d.residual = op.inputs.size() == 2;
    d.activation = activation();
    d.weight = weight(o.weight);
    d.bias = floats(o.bias);
    d.threads = threads;
    d.memory = memory;
    d.shared = shared;
    return make_conv(d, isa, out);
  }
  Status operator()(const format::Depthwise& o) const {
    DepthwiseDesc d;
    d.x = x();
    d.y = y();
    d.window = window(o.window);
    d.activation = activation();
    d.weight = floats(o.weight);
    d.bias = floats(o.bias);
    return make_depthwise(d, isa, out);
  }
  Status operator()(const format::Pool& o) const {
    PoolDesc d;
    d.x = x();
    d.y = y();
    d.window = window(o.window);
    d.kind = same_number<PoolKind>(o.kind);
    d.activation = activation();
    return make_pool(d, isa, out);
  }
  Status operator()(const format::GlobalPool& o) const {
    return make_global_pool({x(), y(), same_number<ReduceKind>(o.kind), activation()}, isa, out);
  }
  Status operator()(const format::Binary& o) const {
    BinaryDesc d;
    d.x = x();
    d.y = y();
    d.kind = same_number<BinaryKind>(o.kind);
    d.reversed = o.reversed;
    d.activation = activation();
    if (op.inputs.size() == 2) {
      d.b = x(1);
    } else {
      d.constant = floats(o.constant);
      d.constant_floats = static_cast<int64_t>(model.buffers[o.constant].bytes / sizeof(float));
    }
    return make_binary(d, isa, out);
  }
  Status operator()(const format::Unary&) const {
    return make_unary({x(), y(), activation()}, isa, out);
  }
  Status operator()(const format::Concat&) const {
    ConcatDesc d;
    for (size_t i = 0; i < op.inputs.size(); i++) d.x.push_back(x(i));
    d.y = y();
    d.activation = activation();
    return make_concat(d, isa, out);
  }
  Status operator()(const format::Slice& o) const {
    SliceDesc d;
    d.x = x();
    d.y = y();
    d.channel_begin = static_cast<int>(o.channel_begin);
    d.row_begin = static_cast<int>(o.row_begin);
    d.row_step = static_cast<int>(o.row_step);
    d.col_begin = static_cast<int>(o.col_begin);
    d.col_step = static_cast<int>(o.col_step);
    d.activation = activation();
    return make_slice(d, isa, out);
  }
  Status operator()(const format::Pad& o) const {
    PadDesc d;
    d.x = x();
    d.y = y();
    d.channel_before = static_cast<int>(o.channel_before);
    d.top = static_cast<int>(o.top);
    d.left = static_cast<int>(o.left);
    d.value = o.value;
    d.activation = activation();
    return make_pad(d, isa, out);
  }
  Status operator()(const format::LayerNorm& o) const {
    return make_layer_norm({x(), y(), floats(o.gamma), floats(o.beta), o.epsilon, activation()},
                           isa, out);
  }
  Status operator()(const format::Softmax&) const { return make_softmax({x(), y()}, isa, out); }
  Status operator()(const format::Attention& o) const {
    AttentionDesc d;
    d.q = x(0);
    d.k = x(1);
    d.v = x(2);
    d.y = y();
    d.heads = static_cast<int>(o.heads);
    d.scale = o.scale;
    d.causal = o.causal;
    d.mask = floats(o.mask);
    return make_attention(d, isa, out);
  }
  Status operator()(const format::Flatten&) const { return make_flatten({x(), y()}, isa, out); }
  Status operator()(const format::Transpose&) const { return make_transpose({x(), y()}, isa, out); }
};

}  // namespace

Status build_op(const format::Model& model, const format::Op& op, Isa isa, int threads,
                WeightMemory* memory, SharedWeights* shared, OperatorPtr* out) {
  return std::visit(Builder{model, op, isa, threads, memory, shared, out}, op.options);
}

std::vector<format::Buffer> stored_buffers(const format::Model& model, const format::Op& op) {
  std::vector<format::Buffer> buffers;
  const auto add = [&](uint32_t buffer) {
    if (buffer < model.buffers.size()) buffers.push_back(model.buffers[buffer]);
  };
  if (const auto* conv = std::get_if<format::Conv>(&op.options)) {
    add(conv->weight.values);
    add(conv->weight.index);
    add(conv->weight.counts);
    add(conv->bias);
  } else if (const auto* depthwise = std::get_if<format::Depthwise>(&op.options)) {
    add(depthwise->weight);
    add(depthwise->bias);
  } else if (const auto* binary = std::get_if<format::Binary>(&op.options)) {
    add(binary->constant);
  } else if (const auto* norm = std::get_if<format::LayerNorm>(&op.options)) {
    add(norm->gamma);
    add(norm->beta);
  } else if (const auto* attention = std::get_if<format::Attention>(&op.options)) {
    add(attention->mask);
  }
  return buffers;
}

uint64_t stored_bytes(const format::Model& model, const format::Op& op) {
  uint64_t bytes = 0;
  for (const format::Buffer& buffer : stored_buffers(model, op)) bytes += buffer.bytes;
  return bytes;
}

}  // namespace secateur
