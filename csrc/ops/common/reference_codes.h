// What every definition of an operator of i8 counts with (docs/numerics.md).
#pragma once

#include <cmath>
#include <cstdint>

#include "ops/common/codes.h"

namespace secateur::reference {

// Where a code of planes4 lies.
inline int64_t code_index(const Planes& p, int64_t batch, int64_t channel, int64_t position) {
  return batch * p.batch_stride + channel / 4 * p.plane_stride + 4 * position + channel % 4;
}

// rint(min(max(t, lo - zero), hi - zero)) + zero; NaN gives the zero.
inline int32_t nearest_code(float t, int32_t zero, const CodeRange& range) {
  if (std::isnan(t)) t = 0;
  const float lo = static_cast<float>(range.lo - zero), hi = static_cast<float>(range.hi - zero);
  const float clamped = t < lo ? lo : t > hi ? hi : t;
  return static_cast<int32_t>(std::nearbyint(clamped)) + zero;
}

// A product of numbers in double, rounded to f32 once.
inline float factor(double numerator, double denominator) {
  return static_cast<float>(numerator / denominator);
}

}  // namespace secateur::reference
