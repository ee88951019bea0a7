// Operators over planes, of f32 and of codes.
#include <algorithm>

#include "model_repair.h"

namespace secateur::testing {

using format::Tensor;

template <typename Windowed>
void ModelRepair::slide(Windowed* o) {
  const auto along = [](uint32_t in, uint32_t* before, uint32_t* after, uint32_t* kernel,
                        uint32_t* stride, uint32_t* dilation) {
    if (*kernel == 0 || *kernel > 100) *kernel = 3;
    if (*stride == 0 || *stride > 100) *stride = 1;
    if (*dilation == 0 || *dilation > 100) *dilation = 1;
    if (*before > 100) *before = 1;
    if (*after > 100) *after = 1;
    const uint32_t extent = *dilation * (*kernel - 1) + 1;
    if (in + *before + *after < extent) *kernel = *dilation = 1;
    const uint32_t reach = *dilation * (*kernel - 1) + 1;
    return (in + *before + *after - reach) / *stride + 1;
  };
  y().batch = x().batch;
  y().height =
      along(x().height, &o->pad_top, &o->pad_bottom, &o->kernel_h, &o->stride_h, &o->dilation_h);
  y().width =
      along(x().width, &o->pad_left, &o->pad_right, &o->kernel_w, &o->stride_w, &o->dilation_w);
}

format::BufferRef ModelRepair::bias(format::BufferRef old, uint32_t rows) {
  if (old == format::kNoBuffer) return old;
  return codes() ? p_.integers(rows, 100000) : p_.floats(rows);
}

void ModelRepair::operator()(format::Conv& o) {
  if (!take({Family::planes, Family::codes})) return;
  if (op_->inputs.size() > 2) inputs(2);
  const uint32_t channels = y().channels;
  like_x();
  y().channels = channels;
  bounds();
  slide(&o);
  if (o.groups == 0 || x().channels % o.groups || channels % o.groups) o.groups = 1;
  const uint64_t cols = uint64_t{x().channels} / o.groups * o.kernel_h * o.kernel_w;
  if (cols * channels <= kMostCells) {
    format::Weight& w = o.weight;
    const bool fits = w.rows == channels && w.cols == cols && (!codes() || w.values_bits == 8) &&
                      (o.groups == 1 || w.block_rows == 1);
    constexpr uint8_t kBits[] = {8, 16, 32, 32};
    if (!fits || p_.one_in(8)) {
      w = p_.weight(channels, static_cast<uint32_t>(cols), o.groups,
                    codes() ? uint8_t{8} : kBits[p_.below(4u)]);
    }
  }
  o.bias = bias(o.bias, channels);
  if (op_->inputs.size() == 2 &&
      (x(1).batch != y().batch || x(1).channels != channels || positions(x(1)) != positions(y()))) {
    inputs(1);
  }
}

void ModelRepair::operator()(format::Depthwise& o) {
  if (!take({Family::planes, Family::codes})) return;
  inputs(1);
  like_x();
  bounds();
  slide(&o);
  const uint64_t taps = uint64_t{o.kernel_h} * o.kernel_w * x().channels;
  if (taps <= kMostCells) {
    constexpr uint8_t kBits[] = {8, 16, 32, 32};
    o.weight_bits = codes() ? uint8_t{8} : kBits[p_.below(4u)];
    p_.values(taps, x().channels, o.weight_bits, {}, &o.weight, &o.scales);
  }
  o.bias = bias(o.bias, x().channels);
}

void ModelRepair::operator()(format::Pool& o) {
  if (!take({Family::planes, Family::codes})) return;
  inputs(1);
  like_x();
  bounds();
  slide(&o);
  o.pad_top = std::min(o.pad_top, o.kernel_h - 1);
  o.pad_left = std::min(o.pad_left, o.kernel_w - 1);
  o.pad_bottom = std::min(o.pad_bottom, o.kernel_h - 1);
  o.pad_right = std::min(o.pad_right, o.kernel_w - 1);
  slide(&o);
}

void ModelRepair::operator()(format::GlobalPool& o) {
  if (!take({Family::planes, Family::codes})) return;
  inputs(1);
  like_x();
  bounds();
  y().height = y().width = 1;
  if (o.kind > format::ReduceKind::max || (codes() && o.kind == format::ReduceKind::sum)) {
    o.kind = format::ReduceKind::mean;
  }
}

void ModelRepair::operator()(format::Binary& o) {
  if (!take({Family::planes, Family::codes, Family::rows})) return;
  if (family_of(x()) == Family::rows) {
    inputs(2);
    o.constant = format::kNoBuffer;
    broadcast();
    return;
  }
  inputs(codes() || op_->inputs.size() > 1 ? 2 : 1);
  like_x();
  bounds();
  if (codes() && o.kind > format::BinaryKind::mul) o.kind = format::BinaryKind::mul;
  if (op_->inputs.size() == 1) {
    const uint32_t counts[] = {1, x().channels, x().channels * positions(x())};
    const bool fits = o.constant < model_.buffers.size() && model_.buffers[o.constant].bytes == 4;
    if (!fits) o.constant = p_.floats(std::min(counts[p_.below(3u)], kMostCells));
    return;
  }
  o.constant = format::kNoBuffer;
  const Tensor& b = x(1);
  const bool factor = positions(b) == 1 && b.channels == x().channels && b.batch == x().batch;
  const bool equal =
      b.batch == x().batch && b.channels == x().channels && positions(b) == positions(x());
  if (!factor && !equal) op_->inputs[1] = op_->inputs[0];
}

void ModelRepair::operator()(format::Unary& o) {
  if (!take({Family::planes, Family::codes, Family::rows})) return;
  inputs(1);
  like_x();
  if (!codes()) {
    o.table = format::kNoBuffer;
    return;
  }
  no_activation();
  if (o.table < model_.buffers.size() && model_.buffers[o.table].bytes == 256) return;
  Bytes table(256);
  for (unsigned char& entry : table) entry = static_cast<unsigned char>(p_.below(256u));
  o.table = p_.buffer(std::move(table));
}

void ModelRepair::operator()(format::Concat&) {
  if (!take({Family::planes, Family::codes})) return;
  uint32_t channels = 0;
  for (uint32_t& input : op_->inputs) {
    const Tensor& t = model_.tensors[input];
    if (t.batch != x().batch || positions(t) != positions(x())) input = op_->inputs[0];
    channels += model_.tensors[input].channels;
  }
  like_x();
  one_scale();
  y().channels = channels;
}

void ModelRepair::operator()(format::Slice& o) {
  if (!take({Family::planes, Family::codes})) return;
  inputs(1);
  like_x();
  one_scale();
  o.channel_begin = std::min(o.channel_begin, x().channels - 1);
  o.row_begin = std::min(o.row_begin, x().height - 1);
  o.col_begin = std::min(o.col_begin, x().width - 1);
  if (o.row_step == 0) o.row_step = 1;
  if (o.col_step == 0) o.col_step = 1;
  y().channels = 1 + p_.below(x().channels - o.channel_begin);
  y().height = (x().height - o.row_begin - 1) / o.row_step + 1;
  y().width = (x().width - o.col_begin - 1) / o.col_step + 1;
}

void ModelRepair::operator()(format::Pad& o) {
  if (!take({Family::planes, Family::codes})) return;
  inputs(1);
  like_x();
  one_scale();
  if (o.channel_before > 100 || o.top > 100 || o.left > 100) o = {1, 1, 1, 0.5f};
  y().channels = x().channels + o.channel_before + p_.below(3u);
  y().height = x().height + o.top + p_.below(3u);
  y().width = x().width + o.left + p_.below(3u);
}

void ModelRepair::operator()(format::LayerNorm& o) {
  if (!take({Family::planes})) return;
  inputs(1);
  like_x();
  o.gamma = p_.one_in(2) ? p_.floats(x().channels) : format::kNoBuffer;
  o.beta = p_.one_in(2) ? p_.floats(x().channels) : format::kNoBuffer;
}

void ModelRepair::operator()(format::Recurrent& o) {
  if (!take({Family::planes})) return;
  no_activation();
  using format::RecurrentKind;
  if (o.kind > RecurrentKind::MAX) o.kind = RecurrentKind::lstm;
  uint32_t gates = o.kind == RecurrentKind::lstm ? 4 : o.kind < RecurrentKind::rnn_tanh ? 3 : 1;
  if (x().channels % gates) {
    o.kind = RecurrentKind::rnn_tanh;
    gates = 1;
  }
  const bool lstm = o.kind == RecurrentKind::lstm;
  const uint32_t hidden = x().channels / gates;
  o.cells = lstm && o.cells;
  // First states are inputs only where a tensor of that shape is there.
  const auto fits = [&](size_t i) {
    return x(i).batch == x().batch && x(i).channels == hidden && positions(x(i)) == 1;
  };
  const size_t states = lstm ? 2 : 1;
  if (op_->inputs.size() > 1) {
    inputs(1 + states);
    for (size_t i = 1; i <= states; i++) {
      if (!fits(i)) inputs(1);
      if (op_->inputs.size() == 1) break;
    }
  }
  like_x();
  y().channels = hidden * (o.cells ? 2 : 1);
  const bool constant = op_->inputs.size() == 1 && p_.one_in(2);
  const uint64_t cells = uint64_t{x().channels} * hidden;
  if (cells > kMostCells || uint64_t{x().batch} * hidden > kMostCells) return;
  o.first_hidden = constant ? p_.floats(x().batch * hidden) : format::kNoBuffer;
  o.first_cell = constant && lstm ? p_.floats(x().batch * hidden) : format::kNoBuffer;
  if (o.weight.rows != x().channels || o.weight.cols != hidden || p_.one_in(8)) {
    constexpr uint8_t kBits[] = {8, 16, 32, 32};
    o.weight = p_.weight(x().channels, hidden, 1, kBits[p_.below(4u)]);
  }
  if (o.bias != format::kNoBuffer) o.bias = p_.floats(x().channels);
}

void ModelRepair::operator()(format::Attention& o) {
  if (!take({Family::planes})) return;
  inputs(3);
  no_activation();
  const bool fits = x(1).batch == x().batch && x(2).batch == x().batch &&
                    x(1).channels == x().channels && positions(x(1)) == positions(x(2));
  if (!fits) op_->inputs.assign(3, op_->inputs[0]);
  like_x();
  y().channels = x(2).channels;
  if (o.heads == 0 || x().channels % o.heads || x(2).channels % o.heads) o.heads = 1;
  if (o.mask == format::kNoBuffer) return;
  const uint64_t pairs =
      uint64_t{positions(x())} * positions(x(1)) * o.heads * (p_.one_in(2) ? x().batch : 1);
  o.mask = pairs <= kMostCells ? p_.floats(pairs) : format::kNoBuffer;
}

void ModelRepair::operator()(format::Flatten&) {
  if (!take({Family::planes, Family::codes})) return;
  inputs(1);
  no_activation();
  like_x();
  one_scale();
  y().channels = x().channels * positions(x());
  y().height = y().width = 1;
}

void ModelRepair::operator()(format::Transpose&) {
  if (!take({Family::planes})) return;
  inputs(1);
  no_activation();
  like_x();
  y().channels = positions(x());
  y().height = 1;
  y().width = x().channels;
}

void ModelRepair::operator()(format::Resize& o) {
  if (!take({Family::planes})) return;
  inputs(1);
  const uint32_t height = y().height, width = y().width;
  like_x();
  y().height = height;
  y().width = width;
  const auto axis = [&](uint32_t* taps, format::BufferRef* index, format::BufferRef* weight,
                        uint32_t in, uint32_t out) {
    if (*taps == 0 || *taps > 5) *taps = 1 + p_.below(4u);
    *index = p_.indices(uint64_t{out} * *taps, in);
    *weight = *taps > 1 || p_.one_in(2) ? p_.floats(uint64_t{out} * *taps) : format::kNoBuffer;
  };
  axis(&o.row_taps, &o.row_index, &o.row_weight, x().height, height);
  axis(&o.col_taps, &o.col_index, &o.col_weight, x().width, width);
}

void ModelRepair::operator()(format::Convert&) {
  if (!take({Family::planes, Family::codes, Family::camera})) return;
  inputs(1);
  no_activation();
  Tensor& to = y();
  const Family from = family_of(x());
  const format::DType kept = to.dtype;
  const float scale = to.scale;
  const int32_t zero = to.zero_point;
  like_x();
  using format::DType;
  to.dtype = kept == DType::i8 || kept == DType::u8 ? kept : DType::f32;
  if (from == Family::planes && kept == DType::f16) to.dtype = DType::f16;
  if (from == Family::planes && to.dtype == DType::f32) to.dtype = DType::i8;
  if (from == Family::halves) to.dtype = DType::f32;
  if (from == Family::camera && to.dtype == DType::u8) to.dtype = DType::f32;
  to.layout = to.quantised() ? format::Layout::planes4 : format::Layout::planes;
  to.scale = to.quantised() ? scale : 1;
  to.zero_point = to.quantised() ? zero : 0;
  tensor(&to);
}

}  // namespace secateur::testing
