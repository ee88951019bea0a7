// How NEON's SpMM kernels begin and end a tile: MR rows of V vectors in registers, of f32 or f16.
// Included after the vector interface of either (kernels/simd).
#pragma once

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

using namespace simd;

using Args = SpmmArgsOf<Number>;

// What finish() needs of the arguments, in registers: y may alias them.
struct Clamp {
  bool low, high;
  Number lo, hi;
};

SCT_INLINE Clamp clamp_of(const Args& args) {
  // Plain ReLU has no upper bound: half of its clamp is left out.
  return {args.clamp, args.clamp && !(args.hi == kInfinity), args.lo, args.hi};
}

template <int MR, int V>
SCT_INLINE void add_rows(const Number* from, int64_t stride, Vec (*acc)[V]) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) {
      acc[m][i] = add(acc[m][i], load(from + m * stride + kLanes * i));
    }
  }
}

template <int MR, int V>
SCT_INLINE void start(const Args& args, int64_t row, const Number* y, int64_t stride,
                      Vec (*acc)[V]) {
  if (args.accumulate) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = load(y + m * stride + kLanes * i);
    }
    return;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const Vec b = splat(args.bias ? args.bias[row + m] : Number{0});
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) acc[m][i] = b;
  }
  if (!kResidualLast<Number> && args.residual) {
    add_rows<MR, V>(args.residual + row * stride, stride, acc);
  }
}

template <int MR, int V>
SCT_INLINE void finish(const Args& args, const Clamp& clamp, int64_t row, Number* y, int64_t stride,
                       Vec (*acc)[V]) {
  if (kResidualLast<Number> && args.residual) {
    add_rows<MR, V>(args.residual + row * stride, stride, acc);
  }
  if (clamp.low) {
    const Vec lo = splat(clamp.lo);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = at_least(acc[m][i], lo);
    }
    if (clamp.high) {
      const Vec hi = splat(clamp.hi);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
        for (int i = 0; i < V; i++) acc[m][i] = at_most(acc[m][i], hi);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) store(y + m * stride + kLanes * i, acc[m][i]);
  }
}

SCT_INLINE const Number* at_byte(const char* x, int64_t offset) {
  return reinterpret_cast<const Number*>(x + offset);
}

}  // namespace
}  // namespace secateur
