// Small models for tests: tensors placed one after another in the arena, buffers owned here.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "format/model.h"
#include "format/writer.h"

namespace secateur::testing {

class ModelBuilder {
 public:
  format::Model model;

  ModelBuilder() {
    model.producer = "test";
    model.name = "tiny";
  }

  uint32_t tensor(uint32_t batch, uint32_t channels, uint32_t height, uint32_t width) {
    const Planes p = make_planes(static_cast<int32_t>(batch), static_cast<int32_t>(channels),
                                 static_cast<int32_t>(height), static_cast<int32_t>(width));
    format::Tensor t;
    t.name = "t";
    t.batch = batch;
    t.channels = channels;
    t.height = height;
    t.width = width;
    t.plane_stride = static_cast<uint64_t>(p.plane_stride);
    t.batch_stride = static_cast<uint64_t>(p.batch_stride);
    t.arena_offset = model.arena_bytes;
    model.arena_bytes += static_cast<uint64_t>(round_up(static_cast<int64_t>(t.bytes()), 64));
    model.tensors.push_back(t);
    return static_cast<uint32_t>(model.tensors.size() - 1);
  }

  // Row-major, of f32.
  uint32_t rows(const std::vector<uint32_t>& shape) {
    const uint32_t number = tensor(1, 1, 1, 1);
    format::Tensor& t = model.tensors[number];
    t.layout = format::Layout::row_major;
    t.shape = shape;
    t.batch_stride = 1;
    for (const uint32_t size : shape) t.batch_stride *= size;
    model.arena_bytes =
        t.arena_offset + static_cast<uint64_t>(round_up(static_cast<int64_t>(t.bytes()), 64));
    return number;
  }

  // Codes in planes4: value = scale * (code - zero).
  uint32_t codes(uint32_t batch, uint32_t channels, uint32_t height, uint32_t width, float scale,
                 int32_t zero, format::DType dtype = format::DType::i8) {
    const uint32_t number = tensor(batch, (channels + 3) / 4, height, width);
    format::Tensor& t = model.tensors[number];
    t.channels = channels;
    t.dtype = dtype;
    t.layout = format::Layout::planes4;
    t.plane_stride *= 4;
    t.batch_stride *= 4;
    t.scale = scale;
    t.zero_point = zero;
    return number;
  }

  // A tensor that keeps what `next` holds from one run to the next. first: of its dense elements.
  uint32_t state(uint32_t next, uint32_t first = format::kNoBuffer) {
    format::Tensor t = model.tensors[next];
    t.residence = format::Residence::state;
    t.buffer = first;
    t.arena_offset = model.state_bytes;
    model.state_bytes += static_cast<uint64_t>(round_up(static_cast<int64_t>(t.bytes()), 64));
    model.tensors.push_back(t);
    const auto number = static_cast<uint32_t>(model.tensors.size() - 1);
    model.states.push_back({"kept", number, next});
    return number;
  }

  template <typename T>
  uint32_t buffer(const std::vector<T>& values) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
    storage_.emplace_back(bytes, bytes + values.size() * sizeof(T));
    model.buffers.push_back({storage_.back().data(), storage_.back().size()});
    return static_cast<uint32_t>(model.buffers.size() - 1);
  }

  // values[i] = scale * (i % 7 - 3): small, of both signs, exact in float.
  uint32_t pattern(size_t count, float scale = 0.25f) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; i++) values[i] = scale * (static_cast<float>(i % 7) - 3);
    return buffer(values);
  }

  format::Op& op(std::string name, format::Options options, std::vector<uint32_t> inputs,
                 uint32_t output) {
    names_.push_back(std::move(name));
    format::Op op;
    op.name = names_.back();
    op.source = "test.py:1";
    op.reason = "because";
    op.options = std::move(options);
    op.inputs = std::move(inputs);
    op.outputs = {output};
    model.ops.push_back(std::move(op));
    return model.ops.back();
  }

  format::Weight dense(uint32_t rows, uint32_t cols) {
    format::Weight w;
    w.rows = rows;
    w.cols = cols;
    w.nnz = uint64_t{rows} * cols;
    w.values = pattern(w.nnz);
    return w;
  }

  // Every `step`-th column of each row.
  format::Weight csr(uint32_t rows, uint32_t cols, uint32_t step = 3) {
    std::vector<uint8_t> gaps;
    std::vector<uint16_t> counts;
    for (uint32_t r = 0; r < rows; r++) {
      uint16_t count = 0;
      for (uint32_t c = r % step; c < cols; c += step) {
        gaps.push_back(static_cast<uint8_t>(count == 0 ? c : step));
        count++;
      }
      counts.push_back(count);
    }
    format::Weight w;
    w.format = format::WeightFormat::csr;
    w.rows = rows;
    w.cols = cols;
    w.nnz = gaps.size();
    w.values = pattern(gaps.size(), 0.5f);
    w.index = buffer(gaps);
    w.counts = buffer(counts);
    return w;
  }

  // The first column of blocks, kept; only whole blocks.
  format::Weight bsr(uint32_t rows, uint32_t cols, uint32_t block_rows, uint32_t block_cols) {
    const uint32_t grid_rows = rows / block_rows;
    format::Weight w;
    w.format = format::WeightFormat::bsr;
    w.rows = rows;
    w.cols = cols;
    w.block_rows = block_rows;
    w.block_cols = block_cols;
    w.nnz = uint64_t{grid_rows} * block_rows * block_cols;
    w.values = pattern(w.nnz);
    w.index = buffer(std::vector<uint8_t>(grid_rows, 0));
    w.counts = buffer(std::vector<uint16_t>(grid_rows, 1));
    return w;
  }

  // 2:4, columns 1 and 3 of each group.
  format::Weight nm(uint32_t rows, uint32_t cols) {
    std::vector<uint8_t> index;
    for (uint32_t i = 0; i < rows * (cols / 4); i++) {
      index.push_back(1);
      index.push_back(3);
    }
    format::Weight w;
    w.format = format::WeightFormat::nm;
    w.rows = rows;
    w.cols = cols;
    w.n = 2;
    w.m = 4;
    w.nnz = index.size();
    w.values = pattern(index.size());
    w.index = buffer(index);
    return w;
  }

  void input(uint32_t tensor, std::vector<uint32_t> shape,
             format::PortOrder order = format::PortOrder::channels_first) {
    model.inputs.push_back({"in", tensor, std::move(shape), order});
  }
  void output(uint32_t tensor, std::vector<uint32_t> shape,
              format::PortOrder order = format::PortOrder::channels_first) {
    model.outputs.push_back({"out", tensor, std::move(shape), order});
  }

  std::vector<unsigned char> file() const {
    std::vector<unsigned char> bytes;
    (void)format::write_model(model, &bytes);
    return bytes;
  }

 private:
  std::deque<std::vector<unsigned char>> storage_;
  std::deque<std::string> names_;
};

// The fields of a window, of any operator that has one.
template <typename Windowed>
void set_window(Windowed* o, const format::Window& w) {
  o->kernel_h = w.kernel_h;
  o->kernel_w = w.kernel_w;
  o->stride_h = w.stride_h;
  o->stride_w = w.stride_w;
  o->dilation_h = w.dilation_h;
  o->dilation_w = w.dilation_w;
  o->pad_top = w.pad_top;
  o->pad_left = w.pad_left;
  o->pad_bottom = w.pad_bottom;
  o->pad_right = w.pad_right;
}

// y = x + the y of the run before: what 2.0 added. The first run adds `first`, if there is one.
inline void build_running_sum(ModelBuilder* b, bool first = true) {
  const uint32_t x = b->tensor(1, 3, 2, 5), y = b->tensor(1, 3, 2, 5);
  const uint32_t kept = b->state(y, first ? b->pattern(30) : format::kNoBuffer);
  b->op("sum", format::Binary{}, {x, kept}, y);
  b->input(x, {1, 3, 2, 5});
  b->output(y, {1, 3, 2, 5});
}

// max(x, 0), and what is said of it: what 2.1 added.
inline void build_labelled(ModelBuilder* b) {
  const uint32_t x = b->tensor(1, 3, 2, 5), y = b->tensor(1, 3, 2, 5);
  b->op("relu", format::Unary{}, {x}, y).activation = format::ActivationKind::relu;
  b->input(x, {1, 3, 2, 5});
  b->output(y, {1, 3, 2, 5});
  b->model.metadata = {{"labels", {"cat", "", "\xc3\xa9tienne"}, {}, true},
                       {"mean", {}, {0.485, 0.456, 0.406}, true},
                       {"author", {"somebody"}, {}, false},
                       {"size", {}, {224}, false},
                       {"one", {"alone"}, {}, true},
                       {"nothing", {}, {}, true}};
}

// Rows doubled between their neighbours, columns as they are named: what 2.0 added, too.
inline void build_resized(ModelBuilder* b) {
  format::Resize resize;
  resize.row_taps = 2;
  resize.row_index = b->buffer(std::vector<uint32_t>{0, 0, 0, 1, 0, 1, 1, 1});
  resize.row_weight = b->buffer(std::vector<float>{1, 0, 0.75f, 0.25f, 0.25f, 0.75f, 0.5f, 0.5f});
  resize.col_index = b->buffer(std::vector<uint32_t>{4, 0, 0, 2, 3, 3, 1});
  const uint32_t x = b->tensor(1, 3, 2, 5), y = b->tensor(1, 3, 4, 7);
  b->op("resize", resize, {x}, y).activation = format::ActivationKind::relu;
  b->input(x, {1, 3, 2, 5});
  b->output(y, {1, 3, 4, 7});
}

// Bytes of a camera to f32, beside a weight of i8 and one of f16.
inline void build_codes(ModelBuilder* b) {
  const uint32_t bytes = b->codes(1, 3, 4, 4, 0.25f, 128, format::DType::u8);
  const uint32_t x = b->tensor(1, 3, 4, 4), y = b->tensor(1, 8, 4, 4), z = b->tensor(1, 8, 4, 4);
  b->op("convert", format::Convert{}, {bytes}, x);
  format::Conv conv;
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  conv.weight = b->bsr(8, 27, 1, 4);
  conv.weight.values = b->buffer(std::vector<int8_t>(conv.weight.nnz, -127));
  conv.weight.values_bits = 8;
  conv.weight.scales = b->buffer(std::vector<float>(8, 0.5f));
  conv.weight.tap_major = true;
  b->op("conv", conv, {x}, y);
  format::Depthwise depthwise;
  depthwise.kernel_h = depthwise.kernel_w = 1;
  depthwise.weight = b->buffer(std::vector<uint16_t>(8, 0x3c00));
  depthwise.weight_bits = 16;
  b->op("depthwise", depthwise, {y}, z);
  b->input(bytes, {1, 3, 4, 4});
  b->output(z, {1, 8, 4, 4});
}

// A model that has every operator of 1.0 and every weight format. Two inputs, two outputs.
inline void build_every_operator(ModelBuilder* b) {
  using namespace format;
  const uint32_t image = b->tensor(1, 4, 6, 6);
  Conv conv;
  conv.weight = b->csr(8, 4 * 9);
  conv.bias = b->pattern(8);
  conv.kernel_h = conv.kernel_w = 3;
  conv.pad_top = conv.pad_left = conv.pad_bottom = conv.pad_right = 1;
  const uint32_t c1 = b->tensor(1, 8, 6, 6);
  b->op("conv", conv, {image}, c1).activation = format::ActivationKind::relu;

  Conv pointwise;
  pointwise.weight = b->bsr(8, 8, 4, 1);
  const uint32_t c2 = b->tensor(1, 8, 6, 6);
  b->op("pointwise", pointwise, {c1, c1}, c2);

  Depthwise depthwise;
  depthwise.kernel_h = depthwise.kernel_w = 3;
  depthwise.pad_top = depthwise.pad_left = 1;
  depthwise.pad_bottom = depthwise.pad_right = 1;
  depthwise.stride_h = depthwise.stride_w = 2;
  depthwise.weight = b->pattern(8 * 9);
  const uint32_t d1 = b->tensor(1, 8, 3, 3);
  b->op("depthwise", depthwise, {c2}, d1).activation = format::ActivationKind::hard_swish;

  Pool pool;
  pool.kind = format::PoolKind::average;
  pool.kernel_h = pool.kernel_w = 2;
  pool.stride_h = pool.stride_w = 1;
  const uint32_t p1 = b->tensor(1, 8, 2, 2);
  b->op("pool", pool, {d1}, p1);

  Pad pad;
  pad.top = pad.left = 1;
  const uint32_t p2 = b->tensor(1, 8, 3, 3);
  b->op("pad", pad, {p1}, p2);

  const uint32_t cat = b->tensor(1, 16, 3, 3);
  b->op("concat", Concat{}, {d1, p2}, cat);
  Slice slice;
  slice.channel_begin = 4;
  const uint32_t cut = b->tensor(1, 8, 3, 3);
  b->op("slice", slice, {cat}, cut);
  const uint32_t scale = b->tensor(1, 8, 1, 1);
  b->op("global_pool", GlobalPool{}, {cut}, scale).activation = format::ActivationKind::sigmoid;
  Binary mul;
  mul.kind = format::BinaryKind::mul;
  const uint32_t scaled = b->tensor(1, 8, 3, 3);
  b->op("mul", mul, {cut, scale}, scaled);
  Binary add;
  add.constant = b->pattern(8);
  const uint32_t shifted = b->tensor(1, 8, 3, 3);
  b->op("add", add, {scaled}, shifted);
  LayerNorm norm;
  norm.epsilon = 1e-5f;
  norm.gamma = b->pattern(8);
  norm.beta = b->pattern(8);
  const uint32_t normed = b->tensor(1, 8, 3, 3);
  b->op("layer_norm", norm, {shifted}, normed);
  Conv nm;
  nm.weight = b->nm(8, 8);
  const uint32_t q = b->tensor(1, 8, 3, 3);
  b->op("q", nm, {normed}, q);
  Attention attention;
  attention.heads = 2;
  attention.scale = 0.5f;
  attention.mask = b->pattern(9 * 9);
  const uint32_t mixed = b->tensor(1, 8, 3, 3);
  b->op("attention", attention, {q, normed, normed}, mixed);

  const uint32_t turned = b->tensor(1, 9, 1, 8);
  b->op("transpose", Transpose{}, {mixed}, turned);
  const uint32_t flat = b->tensor(1, 72, 1, 1);
  b->op("flatten", Flatten{}, {turned}, flat);
  Conv head;
  head.weight = b->dense(5, 72);
  head.bias = b->pattern(5);
  const uint32_t logits = b->tensor(1, 5, 1, 1);
  b->op("head", head, {flat}, logits);
  const uint32_t scores = b->tensor(1, 5, 1, 1);
  b->op("softmax", Softmax{}, {logits}, scores);

  const uint32_t second = b->tensor(1, 3, 1, 5);
  const uint32_t halved = b->tensor(1, 3, 1, 5);
  b->op("unary", Unary{}, {second}, halved).activation = format::ActivationKind::leaky_relu;
  b->model.ops.back().activation_a = 0.5f;

  b->input(image, {1, 4, 6, 6});
  b->input(second, {1, 5, 3}, format::PortOrder::channels_last);
  b->output(scores, {1, 5});
  b->output(halved, {5, 3}, format::PortOrder::channels_last);
}

}  // namespace secateur::testing
