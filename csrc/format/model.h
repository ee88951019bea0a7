// A model as plain structs: what the reader makes of a payload, the verifier checks, the runtime
// builds operators from, and the writer encodes. Fields mirror model.fbs, which says what they
// mean.
//
// Strings and buffers are borrowed: they must outlive the Model (the reader's point into the file).
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/planes.h"
#include "format/model_generated.h"

namespace secateur::format {

using model::ActivationKind;
using model::BinaryKind;
using model::PoolKind;
using model::PortOrder;
using model::ReduceKind;
using model::WeightFormat;

inline constexpr uint32_t kNoBuffer = 0xffffffff;

// Limits that keep a hostile file from costing more memory or arithmetic than its size suggests.
inline constexpr size_t kMaxTextBytes = 1024;   // a name, source or reason; the writer clips
inline constexpr size_t kMaxTensors = 1 << 18;  // also operators, buffers
inline constexpr size_t kMaxOpTensors = 1024;   // inputs of one operator
inline constexpr size_t kMaxPorts = 256;
inline constexpr size_t kMaxRank = 8;
inline constexpr uint32_t kMaxWindow = 1 << 20;           // any one number of a window
inline constexpr int64_t kMaxFloats = int64_t{1} << 40;   // of a tensor, of a dense weight
inline constexpr uint64_t kMaxPayloadBytes = 0x7fffff00;  // FlatBuffers' own limit
inline constexpr uint64_t kArenaAlign = 64;
// Of a file's first byte in memory: what any of its numbers needs, and no more than malloc gives,
// so that bytes of the caller's are rarely copied.
inline constexpr uint64_t kFileAlign = 16;

struct Buffer {
  const void* data = nullptr;
  uint64_t bytes = 0;
};

struct Tensor {
  std::string_view name;
  uint32_t batch = 1, channels = 1, height = 1, width = 1;
  uint64_t plane_stride = 1, batch_stride = 1;
  uint64_t arena_offset = 0;

  Planes planes() const {  // of a verified tensor
    return {static_cast<int32_t>(batch),        static_cast<int32_t>(channels),
            static_cast<int32_t>(height),       static_cast<int32_t>(width),
            static_cast<int64_t>(plane_stride), static_cast<int64_t>(batch_stride)};
  }
  uint64_t bytes() const { return uint64_t{batch} * batch_stride * sizeof(float); }
};

struct Weight {
  WeightFormat format = WeightFormat::dense;
  uint32_t rows = 0, cols = 0;
  uint32_t block_rows = 1, block_cols = 1;
  uint32_t n = 0, m = 0;
  uint64_t nnz = 0;
  uint32_t values = kNoBuffer, index = kNoBuffer, counts = kNoBuffer;
  uint8_t index_bits = 8, counts_bits = 16;
};

struct Window {
  uint32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  uint32_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

struct Conv {
  Weight weight;
  uint32_t bias = kNoBuffer;
  uint32_t groups = 1;
  Window window;
};
struct Depthwise {
  uint32_t weight = kNoBuffer, bias = kNoBuffer;
  Window window;
};
struct Pool {
  PoolKind kind = PoolKind::max;
  Window window;
};
struct GlobalPool {
  ReduceKind kind = ReduceKind::mean;
};
struct Binary {
  BinaryKind kind = BinaryKind::add;
  uint32_t constant = kNoBuffer;
  bool reversed = false;
};
struct Unary {};
struct Concat {};
struct Slice {
  uint32_t channel_begin = 0, row_begin = 0, row_step = 1, col_begin = 0, col_step = 1;
};
struct Pad {
  uint32_t channel_before = 0, top = 0, left = 0;
  float value = 0;
};
struct LayerNorm {
  uint32_t gamma = kNoBuffer, beta = kNoBuffer;
  float epsilon = 0;
};
struct Softmax {};
struct Attention {
  uint32_t heads = 1;
  float scale = 1;
  bool causal = false;
  uint32_t mask = kNoBuffer;
};
struct Flatten {};
struct Transpose {};

// In the order of model.fbs's union, whose number 0 is "none".
using Options = std::variant<std::monostate, Conv, Depthwise, Pool, GlobalPool, Binary, Unary,
                             Concat, Slice, Pad, LayerNorm, Softmax, Attention, Flatten, Transpose>;
static_assert(std::variant_size_v<Options> == static_cast<size_t>(model::Options::MAX) + 1);

struct Op {
  std::string_view name, source, reason;
  std::vector<uint32_t> inputs, outputs;
  ActivationKind activation = ActivationKind::none;
  float activation_a = 0, activation_b = 0;
  Options options;

  const char* kind() const {
    return model::EnumNameOptions(static_cast<model::Options>(options.index()));
  }
};

struct Port {
  std::string_view name;
  uint32_t tensor = 0;
  std::vector<uint32_t> shape;
  PortOrder order = PortOrder::channels_first;
};

struct Model {
  std::string_view producer, name;
  std::vector<Buffer> buffers;
  std::vector<Tensor> tensors;
  std::vector<Op> ops;
  std::vector<Port> inputs, outputs;
  uint64_t arena_bytes = 0;
};

}  // namespace secateur::format
