// Memory on cache-line boundaries, filled with small numbers of no pattern that arithmetic could
// turn into denormal ones.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/planes.h"

namespace secateur {

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};
using Memory = std::unique_ptr<float, FreeDeleter>;

// A line more than asked for, as kernels may read whole vectors.
inline Memory allocate(int64_t floats) {
  const int64_t all = round_up(floats, kLineFloats) + kLineFloats;
  Memory memory(static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(all) * 4)));
  for (int64_t i = 0; i < all; i++) memory.get()[i] = static_cast<float>(i % 7) * 0.1f;
  return memory;
}

}  // namespace secateur
