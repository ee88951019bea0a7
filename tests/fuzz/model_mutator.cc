#include "model_mutator.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "format/crc32.h"
#include "format/file_header.h"
#include "format/reader.h"
#include "format/writer.h"
#include "ops/verify_model.h"

namespace secateur::testing {
namespace {

constexpr uint32_t kEdges[] = {0,    1,     2,     3,       4,          7,           8,
                               15,   16,    17,    31,      32,         33,          63,
                               64,   65,    127,   128,     255,        256,         257,
                               4096, 65535, 65536, 1 << 20, 0x7fffffff, 0x80000000u, 0xffffffffu};
constexpr uint32_t kSmall[] = {1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 48, 65};
constexpr size_t kMostParts = 200;  // tensors, operators, buffers: larger models grow no further
constexpr uint32_t kMostCells = 1 << 16;  // of a weight that is made anew

uint32_t positions(const format::Tensor& t) { return t.height * t.width; }

}  // namespace

void seal(Bytes* file) {
  format::FileHeader header;
  header.payload_bytes = file->size() - format::kHeaderBytes;
  header.payload_crc = format::crc32(file->data() + format::kHeaderBytes, header.payload_bytes);
  format::encode_header(header, file->data());
}

uint32_t ModelMutator::number() {
  switch (below(3)) {
    case 0:
      return kEdges[below(std::size(kEdges))];
    case 1:
      return below(70);
    default:
      return random_();
  }
}
uint32_t ModelMutator::small() { return kSmall[below(std::size(kSmall))]; }

float ModelMutator::value() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kValues[] = {0.0f,  -0.0f,     1.0f,       -1.0f, 1e-40f,
                               1e38f, kInfinity, -kInfinity, 1e-5f, NAN};
  if (one_in(3)) return kValues[below(std::size(kValues))];
  return static_cast<float>(static_cast<int>(below(201)) - 100) * 0.01f;
}

uint32_t ModelMutator::buffer(const void* data, size_t bytes) {
  const auto* first = static_cast<const unsigned char*>(data);
  storage_.emplace_back(first, first + bytes);
  model_.buffers.push_back({storage_.back().data(), bytes});
  return static_cast<uint32_t>(model_.buffers.size() - 1);
}

uint32_t ModelMutator::floats(uint64_t count) {
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(static_cast<int>(below(201)) - 100) * 0.01f;
  return buffer(values.data(), count * sizeof(float));
}

// csr and bsr: rows of ascending positions in the grid, of a random density.
format::Weight ModelMutator::sparse(format::Weight w, uint32_t grid_rows, uint32_t grid_cols,
                                    uint32_t block) {
  const uint32_t percent = small() * 2;
  std::vector<uint32_t> gaps, counts;
  for (uint32_t row = 0; row < grid_rows; row++) {
    uint32_t last = 0, count = 0;
    for (uint32_t col = 0; col < grid_cols; col++) {
      if (below(100) >= percent) continue;
      gaps.push_back(col - last);
      last = col;
      count++;
    }
    counts.push_back(count);
  }
  w.nnz = gaps.size() * block;
  w.values = floats(w.nnz);
  w.index_bits = 32;
  w.index = buffer(gaps.data(), gaps.size() * 4);
  w.counts_bits = 32;
  w.counts = buffer(counts.data(), counts.size() * 4);
  return w;
}

format::Weight ModelMutator::weight(uint32_t rows, uint32_t cols) {
  format::Weight w;
  w.rows = rows;
  w.cols = cols;
  switch (below(4)) {
    case 0:
      w.nnz = uint64_t{rows} * cols;
      w.values = floats(w.nnz);
      return w;
    case 1: {
      w.format = format::WeightFormat::nm;
      w.m = 1 + below(8);
      w.n = 1 + below(w.m);
      // As many of a group's first positions; zeros where the last group overhangs.
      const uint64_t groups = (cols + w.m - 1) / w.m;
      Bytes index;
      std::vector<float> values;
      for (uint64_t i = 0; i < rows * groups * w.n; i++) {
        const uint64_t slot = i % w.n, col = i / w.n % groups * w.m + slot;
        index.push_back(static_cast<unsigned char>(slot));
        values.push_back(col < cols ? 0.5f : 0.0f);
      }
      w.nnz = values.size();
      w.values = buffer(values.data(), values.size() * 4);
      w.index = buffer(index.data(), index.size());
      return w;
    }
    case 2: {
      w.format = format::WeightFormat::bsr;
      constexpr uint32_t kHeights[] = {1, 2, 4, 8};
      for (const uint32_t height : kHeights) {
        if (rows % height == 0 && (w.block_rows == 1 || one_in(2))) w.block_rows = height;
      }
      return sparse(w, rows / w.block_rows, cols, w.block_rows);
    }
    default:
      w.format = format::WeightFormat::csr;
      return sparse(w, rows, cols, 1);
  }
}

template <typename Windowed>
void ModelMutator::window(Windowed* w) {
  w->kernel_h = 1 + below(4);
  w->kernel_w = 1 + below(4);
  w->stride_h = 1 + below(3);
  w->stride_w = 1 + below(3);
  w->pad_top = below(w->kernel_h);
  w->pad_left = below(w->kernel_w);
  w->pad_bottom = below(w->kernel_h);
  w->pad_right = below(w->kernel_w);
}

format::Options ModelMutator::any_operator() {
  switch (below(14)) {
    case 0:
    case 1: {
      format::Conv conv;
      if (one_in(2)) window(&conv);
      return conv;
    }
    case 2: {
      format::Depthwise depthwise;
      window(&depthwise);
      return depthwise;
    }
    case 3: {
      format::Pool pool;
      pool.kind = static_cast<format::PoolKind>(below(3));
      window(&pool);
      return pool;
    }
    case 4:
      return format::GlobalPool{static_cast<format::ReduceKind>(below(3))};
    case 5:
      return format::Binary{static_cast<format::BinaryKind>(below(6)), format::kNoBuffer,
                            one_in(2)};
    case 6:
      return format::Unary{};
    case 7:
      return format::Concat{};
    case 8:
      return format::Slice{};
    case 9:
      return format::Pad{below(3), below(3), below(3), value()};
    case 10:
      return format::LayerNorm{format::kNoBuffer, format::kNoBuffer, 1e-5f};
    case 11:
      return format::Softmax{};
    case 12:
      return format::Attention{1 + below(2), 0.5f, one_in(2), format::kNoBuffer};
    default:
      if (one_in(2)) return format::Flatten{};
      return format::Transpose{};
  }
}

void ModelMutator::add_operator() {
  if (model_.ops.size() > kMostParts || model_.tensors.empty()) return;
  format::Op op;
  op.name = "new";
  op.options = any_operator();
  const auto tensors = static_cast<uint32_t>(model_.tensors.size());
  op.inputs = {below(tensors)};
  const bool adds = std::holds_alternative<format::Binary>(op.options) ||
                    std::holds_alternative<format::Concat>(op.options) ||
                    (std::holds_alternative<format::Conv>(op.options) && one_in(4));
  if (adds) op.inputs.push_back(below(tensors));
  if (std::holds_alternative<format::Attention>(op.options)) {
    op.inputs.assign(3, op.inputs[0]);
  }
  op.outputs = {tensors};
  format::Tensor y = model_.tensors[op.inputs[0]];
  y.channels = small();
  model_.tensors.push_back(y);
  model_.ops.push_back(op);
  model_.outputs[below(static_cast<uint32_t>(model_.outputs.size()))].tensor = tensors;
}

namespace {

// Every number of a window or weight, to change one of them.
template <typename Windowed>
std::vector<uint32_t*> numbers(Windowed* w) {
  return {&w->kernel_h,   &w->kernel_w, &w->stride_h, &w->stride_w,   &w->dilation_h,
          &w->dilation_w, &w->pad_top,  &w->pad_left, &w->pad_bottom, &w->pad_right};
}

struct Numbers {
  std::vector<uint32_t*> operator()(std::monostate&) { return {}; }
  std::vector<uint32_t*> operator()(format::Conv& o) {
    auto all = numbers(&o);
    format::Weight& w = o.weight;
    all.insert(all.end(),
               {&o.bias.number, &o.groups, &w.rows, &w.cols, &w.block_rows, &w.block_cols, &w.n,
                &w.m, &w.values.number, &w.index.number, &w.counts.number});
    return all;
  }
  std::vector<uint32_t*> operator()(format::Depthwise& o) {
    auto all = numbers(&o);
    all.insert(all.end(), {&o.weight.number, &o.bias.number});
    return all;
  }
  std::vector<uint32_t*> operator()(format::Pool& o) { return numbers(&o); }
  std::vector<uint32_t*> operator()(format::Binary& o) { return {&o.constant.number}; }
  std::vector<uint32_t*> operator()(format::Slice& o) {
    return {&o.channel_begin, &o.row_begin, &o.row_step, &o.col_begin, &o.col_step};
  }
  std::vector<uint32_t*> operator()(format::Pad& o) { return {&o.channel_before, &o.top, &o.left}; }
  std::vector<uint32_t*> operator()(format::LayerNorm& o) {
    return {&o.gamma.number, &o.beta.number};
  }
  std::vector<uint32_t*> operator()(format::Attention& o) { return {&o.heads, &o.mask.number}; }
  template <typename Other>
  std::vector<uint32_t*> operator()(Other&) {
    return {};
  }
};

}  // namespace

void ModelMutator::change_options(format::Op* op) {
  const auto all = std::visit(Numbers(), op->options);
  if (!all.empty()) {
    *all[below(static_cast<uint32_t>(all.size()))] = one_in(4) ? number() : below(6);
  }
}

void ModelMutator::change() {
  format::Op* op = model_.ops.empty() ? nullptr : &model_.ops[below(uint32_t(model_.ops.size()))];
  format::Tensor* t = &model_.tensors[below(uint32_t(model_.tensors.size()))];
  switch (below(10)) {
    case 0: {  // a dimension
      uint32_t* dims[] = {&t->batch, &t->channels, &t->height, &t->width};
      *dims[one_in(4) ? 0 : 1 + below(3)] = one_in(8) ? number() : small();
      break;
    }
    case 1:
    case 2:
      if (op) change_options(op);
      break;
    case 3:  // an activation
      if (!op) break;
      op->activation = static_cast<format::ActivationKind>(below(12));
      op->activation_a = value();
      op->activation_b = value();
      break;
    case 4:  // another input
      if (op)
        op->inputs[below(uint32_t(op->inputs.size()))] = below(uint32_t(model_.tensors.size()));
      break;
    case 5:
    case 6:
      add_operator();
      break;
    case 7:  // a weight's or constant's bytes
      if (!model_.buffers.empty()) {
        format::Buffer& b = model_.buffers[below(uint32_t(model_.buffers.size()))];
        Bytes bytes(static_cast<const unsigned char*>(b.data),
                    static_cast<const unsigned char*>(b.data) + b.bytes);
        if (one_in(8)) bytes.resize(below(2000));
        for (uint32_t n = below(8); n > 0 && bytes.size() >= 4; n--) {
          const float v = value();
          std::memcpy(bytes.data() + below(uint32_t(bytes.size() / 4)) * 4, &v, 4);
        }
        storage_.push_back(std::move(bytes));
        b = {storage_.back().data(), storage_.back().size()};
      }
      break;
    case 8: {  // ports
      auto& ports = one_in(2) ? model_.inputs : model_.outputs;
      format::Port& port = ports[below(uint32_t(ports.size()))];
      port.order = static_cast<format::PortOrder>(below(3));
      if (one_in(4)) port.tensor = below(uint32_t(model_.tensors.size()) + 1);
      break;
    }
    case 9:  // memory
      t->arena_offset = one_in(2) ? number() : t->arena_offset + 64 * below(8);
      if (one_in(4)) model_.arena_bytes = number();
      break;
  }
}

void ModelMutator::repair_weight(format::Conv* conv, const format::Tensor& x,
                                 const format::Tensor& y) {
  if (conv->groups == 0 || x.channels % conv->groups || y.channels % conv->groups) conv->groups = 1;
  const uint64_t cols = uint64_t{x.channels} / conv->groups * conv->kernel_h * conv->kernel_w;
  if (cols * y.channels > kMostCells) return;
  if (conv->weight.rows != y.channels || conv->weight.cols != cols) {
    conv->weight = weight(y.channels, static_cast<uint32_t>(cols));
  }
  if (conv->bias != format::kNoBuffer) conv->bias = floats(y.channels);
}

void ModelMutator::repair_op(format::Op* op) {
  for (uint32_t& input : op->inputs) input = std::min<uint32_t>(input, op->outputs[0] - 1);
  const format::Tensor x = model_.tensors[op->inputs[0]];
  format::Tensor& y = model_.tensors[op->outputs[0]];
  y.batch = x.batch;
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
  const auto slide = [&](auto* w) {
    y.height =
        along(x.height, &w->pad_top, &w->pad_bottom, &w->kernel_h, &w->stride_h, &w->dilation_h);
    y.width =
        along(x.width, &w->pad_left, &w->pad_right, &w->kernel_w, &w->stride_w, &w->dilation_w);
  };
  if (auto* conv = std::get_if<format::Conv>(&op->options)) {
    slide(conv);
    repair_weight(conv, x, y);
    if (op->inputs.size() == 2) {
      const format::Tensor& r = model_.tensors[op->inputs[1]];
      if (r.channels != y.channels || positions(r) != positions(y)) op->inputs.pop_back();
    }
  } else if (auto* depthwise = std::get_if<format::Depthwise>(&op->options)) {
    slide(depthwise);
    y.channels = x.channels;
    const uint64_t taps = uint64_t{depthwise->kernel_h} * depthwise->kernel_w;
    if (x.channels * taps <= kMostCells) depthwise->weight = floats(x.channels * taps);
    if (depthwise->bias != format::kNoBuffer) depthwise->bias = floats(x.channels);
  } else if (auto* pool = std::get_if<format::Pool>(&op->options)) {
    slide(pool);
    y.channels = x.channels;
  } else if (std::holds_alternative<format::GlobalPool>(op->options)) {
    y.channels = x.channels;
    y.height = y.width = 1;
  } else if (std::holds_alternative<format::Concat>(op->options)) {
    y.channels = 0;
    for (const uint32_t input : op->inputs) y.channels += model_.tensors[input].channels;
    y.height = x.height;
    y.width = x.width;
  } else if (std::holds_alternative<format::Flatten>(op->options)) {
    y.channels = x.channels * positions(x);
    y.height = y.width = 1;
  } else if (std::holds_alternative<format::Transpose>(op->options)) {
    y.channels = positions(x);
    y.height = 1;
    y.width = x.channels;
  } else if (std::holds_alternative<format::Slice>(op->options)) {
    auto& slice = std::get<format::Slice>(op->options);
    slice.channel_begin = std::min(slice.channel_begin, x.channels - 1);
    slice.row_begin = std::min(slice.row_begin, x.height - 1);
    slice.col_begin = std::min(slice.col_begin, x.width - 1);
    if (slice.row_step == 0) slice.row_step = 1;
    if (slice.col_step == 0) slice.col_step = 1;
    y.channels = 1 + below(x.channels - slice.channel_begin);
    y.height = (x.height - slice.row_begin - 1) / slice.row_step + 1;
    y.width = (x.width - slice.col_begin - 1) / slice.col_step + 1;
  } else if (auto* pad = std::get_if<format::Pad>(&op->options)) {
    if (pad->channel_before > 100 || pad->top > 100 || pad->left > 100) *pad = {1, 1, 1, 0.5f};
    y.channels = x.channels + pad->channel_before + below(3);
    y.height = x.height + pad->top + below(3);
    y.width = x.width + pad->left + below(3);
  } else {
    y.channels = x.channels;
    y.height = x.height;
    y.width = x.width;
    if (auto* norm = std::get_if<format::LayerNorm>(&op->options)) {
      norm->gamma = one_in(2) ? floats(x.channels) : format::kNoBuffer;
      norm->beta = one_in(2) ? floats(x.channels) : format::kNoBuffer;
    } else if (auto* binary = std::get_if<format::Binary>(&op->options)) {
      if (op->inputs.size() == 1) {
        const uint32_t counts[] = {1, x.channels, x.channels * positions(x)};
        binary->constant = floats(std::min(counts[below(3)], kMostCells));
      } else {
        binary->constant = format::kNoBuffer;
      }
    } else if (auto* attention = std::get_if<format::Attention>(&op->options)) {
      if (attention->heads == 0 || x.channels % attention->heads) attention->heads = 1;
      const uint64_t pairs = uint64_t{positions(x)} * positions(x);
      const bool masked = attention->mask != format::kNoBuffer && pairs <= kMostCells;
      attention->mask = masked ? floats(pairs) : format::kNoBuffer;
    }
  }
}

// One behind another, all needed at the same time.
void ModelMutator::place_tensors() {
  uint64_t at = 0;
  for (format::Tensor& t : model_.tensors) {
    const uint64_t lanes = uint64_t{t.height} * t.width, lines = (lanes + 15) / 16;
    t.plane_stride = lanes == 1 ? 1 : (lines | 1) * 16;
    t.batch_stride = (t.channels * t.plane_stride + 15) / 16 * 16;
    t.arena_offset = at;
    at += (t.bytes() + 63) / 64 * 64;
  }
  model_.arena_bytes = at;
}

void ModelMutator::repair() {
  for (format::Tensor& t : model_.tensors) {
    for (uint32_t* dim : {&t.batch, &t.channels, &t.height, &t.width}) {
      if (*dim == 0 || *dim > 300) *dim = small();
    }
  }
  for (format::Op& op : model_.ops) {
    if (op.outputs[0] > 0 && op.outputs[0] < model_.tensors.size()) repair_op(&op);
  }
  place_tensors();
  for (auto* ports : {&model_.inputs, &model_.outputs}) {
    for (format::Port& port : *ports) {
      if (port.tensor >= model_.tensors.size()) port.tensor = 0;
      const format::Tensor& t = model_.tensors[port.tensor];
      port.shape = {t.batch, t.channels, t.height, t.width};
    }
  }
}

bool ModelMutator::mutate(const Bytes& file, Bytes* out) {
  storage_.clear();
  model_ = {};
  if (!format::read_model(file.data(), file.size(), verify_model, &model_).ok()) return false;
  if (model_.tensors.size() > 2 * kMostParts || model_.buffers.size() > 4 * kMostParts)
    return false;
  for (uint32_t n = 1 + below(4); n > 0; n--) change();
  if (!one_in(5)) repair();
  return format::write_model(model_, out).ok();
}

}  // namespace secateur::testing
