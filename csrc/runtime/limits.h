// What a model may take. Files come from anywhere, and one of a kilobyte can ask for gigabytes or
// hours: it is refused when it is opened, before anything of it is allocated.
#pragma once

#include <cstdint>

#include "base/isa.h"
#include "base/status.h"

namespace secateur {

namespace format {
struct Model;
}

struct Limits {
  static constexpr uint64_t kDefault = 0, kNone = UINT64_MAX;

  uint64_t memory = kDefault;  // bytes of the model and one session
  uint64_t work = kDefault;    // multiply-adds, or floats moved, of one inference
  uint64_t tensors = kDefault;
  uint64_t operators = kDefault;
};

// Defaults. Memory: what activations and plans come to in networks of up to some megapixels, and
// what weights of that many bytes can take however they are packed. Work: some minutes of a core
// (ResNet-50 has 4e9 multiply-adds, a large vision transformer 2e11).
inline constexpr uint64_t kDefaultMemory = uint64_t{1} << 30, kDefaultMemoryPerFileByte = 16;
inline constexpr uint64_t kDefaultWork = 10'000'000'000'000;
inline constexpr uint64_t kDefaultParts = 100'000;  // tensors, operators

// `limits` with the defaults for a file of so many bytes filled in.
Limits resolved(const Limits& limits, uint64_t file_bytes);

// The verified `model` against resolved limits, and against the memory that this process may use.
// Errors: limit_exceeded, out_of_memory.
Status check_limits(const format::Model& model, Isa isa, int threads, const Limits& limits);

// A session, its model included, that takes so many bytes: the same, exactly.
Status check_session(uint64_t bytes, const Limits& limits);

}  // namespace secateur
