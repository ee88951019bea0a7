// A model as plain structs: what the reader makes of a payload, operators verify and are built
// from, and the writer encodes. The structs of tables expand from fields.inc, which is made from
// model.fbs, where it stands what they mean.
//
// Strings and buffers are borrowed: they must outlive the Model (the reader's point into the file).
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/dtype.h"
#include "base/planes.h"
#include "format/fields.inc"
#include "format/model_generated.h"

namespace secateur::format {

#define SCT_USE(name) using model::name;
SCT_ENUMS(SCT_USE)
#undef SCT_USE

inline constexpr uint32_t kNoBuffer = 0xffffffff;

// Limits that keep a hostile file from costing more memory or arithmetic than its size suggests.
inline constexpr size_t kMaxTextBytes = 1024;   // a name, source or reason; the writer clips
inline constexpr size_t kMaxTensors = 1 << 18;  // also operators, buffers
inline constexpr size_t kMaxOpTensors = 1024;   // inputs of one operator
inline constexpr size_t kMaxPorts = 1 << 14;    // verification makes every value an output
inline constexpr size_t kMaxRank = 8;
inline constexpr size_t kMaxMetadata = 256;                   // keys
inline constexpr size_t kMaxMetadataBytes = size_t{1} << 20;  // as metadata.h counts them
inline constexpr uint32_t kMaxWindow = 1 << 20;               // any one number of a window
inline constexpr int64_t kMaxFloats = int64_t{1} << 40;       // of a tensor, of a dense weight
inline constexpr uint64_t kMaxPayloadBytes = 0x7fffff00;      // FlatBuffers' own limit
inline constexpr uint64_t kArenaAlign = 64;
// Of a file's first byte in memory: what any of its numbers needs, and no more than malloc gives,
// so that bytes of the caller's are rarely copied.
inline constexpr uint64_t kFileAlign = 16;

struct Buffer {
  const void* data = nullptr;
  uint64_t bytes = 0;
};

// The number of a buffer, or kNoBuffer.
struct BufferRef {
  uint32_t number = kNoBuffer;
  constexpr BufferRef() = default;
  constexpr BufferRef(uint32_t n) : number(n) {}  // NOLINT: a number
  constexpr operator uint32_t() const { return number; }
};

namespace fields {
#define SCT_MEMBER(type, name, value, holds) type name = value;
#define SCT_STRUCT(table)          \
  struct table {                   \
    SCT_FIELDS_##table(SCT_MEMBER) \
  };
SCT_TABLES(SCT_STRUCT)
#undef SCT_STRUCT
#undef SCT_MEMBER
}  // namespace fields

using fields::Weight;
#define SCT_USE(name) using fields::name;
SCT_OPERATORS(SCT_USE)
#undef SCT_USE
using fields::Port;
using fields::State;

struct Tensor : fields::Tensor {
  Tensor() { batch = channels = height = width = 1, plane_stride = batch_stride = 1; }

  size_t element_bytes() const { return dtype_bytes(static_cast<secateur::DType>(dtype)); }
  bool quantised() const { return dtype == DType::i8 || dtype == DType::u8; }
  // Of a verified tensor that is planes.
  Planes planes() const {
    return {static_cast<int32_t>(batch),        static_cast<int32_t>(channels),
            static_cast<int32_t>(height),       static_cast<int32_t>(width),
            static_cast<int64_t>(plane_stride), static_cast<int64_t>(batch_stride)};
  }
  // Places in memory, strides included, and elements that mean something.
  uint64_t bytes() const { return uint64_t{batch} * batch_stride * element_bytes(); }
  int64_t elements() const {
    if (layout == Layout::row_major) return static_cast<int64_t>(batch_stride);
    return int64_t{batch} * channels * height * width;
  }
};

// A sliding window, of any operator that has one.
struct Window {
  uint32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  uint32_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};
template <typename Windowed>
Window window_of(const Windowed& o) {
  return {o.kernel_h,   o.kernel_w, o.stride_h, o.stride_w,   o.dilation_h,
          o.dilation_w, o.pad_top,  o.pad_left, o.pad_bottom, o.pad_right};
}

// In the order of model.fbs's union, whose number 0 is "none".
#define SCT_ALTERNATIVE(name) , name
using Options = std::variant<std::monostate SCT_OPERATORS(SCT_ALTERNATIVE)>;
#undef SCT_ALTERNATIVE
#define SCT_SAME_NUMBER(name) \
  static_assert(              \
      std::is_same_v<         \
          std::variant_alternative_t<static_cast<size_t>(model::Options::name), Options>, name>);
SCT_OPERATORS(SCT_SAME_NUMBER)
#undef SCT_SAME_NUMBER

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

// A caller's word about the model: texts or numbers under a key.
struct Metadata {
  std::string_view key;
  std::vector<std::string_view> texts;
  std::vector<double> numbers;
  bool list = false;
};

struct Model {
  std::string_view producer, name;
  std::vector<Buffer> buffers;
  std::vector<Tensor> tensors;
  std::vector<Op> ops;
  std::vector<Port> inputs, outputs;
  uint64_t arena_bytes = 0;
  std::vector<State> states;
  uint64_t state_bytes = 0;
  std::vector<Metadata> metadata;
};

}  // namespace secateur::format
