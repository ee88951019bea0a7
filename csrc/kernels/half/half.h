// f16 to f32 and back, in rows: y[i] = x[i], exactly, or rounded to the nearest with ties to even
// (docs/numerics.md). Touches exactly n elements of each, any alignment. Bound by loads and stores.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct HalfKernels {
  void (*widen)(const uint16_t* x, float* y, int64_t n);
  void (*narrow)(const float* x, uint16_t* y, int64_t n);
};

// Never null for a compiled isa.
const HalfKernels& select_half(Features have);

}  // namespace secateur
