// What the operators' needs (ops/need.h) have in common.
#pragma once

#include "format/model.h"
#include "ops/common/thread_scratch.h"

namespace secateur {

inline constexpr double kFloat = sizeof(float);
// A vector that is filled entry by entry takes up to this many times its entries while it grows:
// the new memory of twice as many, and the old.
inline constexpr double kGrowing = 3, kGrown = 2;
// The widest vector of any instruction set, floats.
inline constexpr double kWidestVector = 16;

inline double positions_of(const format::Tensor& t) { return double(t.height) * t.width; }
inline double elements_of(const format::Tensor& t) { return static_cast<double>(t.elements()); }
inline double bytes_of(const format::Model& model, uint32_t buffer) {
  return buffer < model.buffers.size() ? static_cast<double>(model.buffers[buffer].bytes) : 0;
}
// Each thread's piece, and the gap behind it (thread_scratch.h).
inline double of_threads(double bytes, int threads) {
  return bytes > 0 ? threads * (bytes + static_cast<double>(kThreadGapBytes)) : 0;
}
// Up to a whole cache line of floats.
inline double whole_lines(double floats) { return floats + kWidestVector; }

// Along one axis of a window: output columns take so many padded input columns.
inline double padded_columns(double in, double out, double kernel, double stride, double dilation,
                             double before) {
  const double reached = (out - 1) * stride + (kernel - 1) * dilation + 1;
  const double there = before + in;
  return reached > there ? reached : there;
}
// Floats of a padded row, its phases one behind the other (kernels/depthwise).
inline double row_floats(double padded, double stride) {
  return stride * whole_lines(padded / stride + 1 + 2 * kWidestVector);
}

}  // namespace secateur
