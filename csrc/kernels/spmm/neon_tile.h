// How NEON's SpMM kernels begin and end a tile: MR rows of V vectors in registers.
#pragma once

#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

// What finish() needs of the arguments, in registers: y may alias them.
struct Clamp {
  bool low, high;
  float lo, hi;
};

SCT_INLINE Clamp clamp_of(const SpmmArgs& args) {
  // Plain ReLU has no upper bound: half of its clamp is left out.
  return {args.clamp, args.clamp && !(args.hi == __builtin_inff()), args.lo, args.hi};
}

template <int MR, int V>
SCT_INLINE void start(const SpmmArgs& args, int64_t row, const float* y, int64_t stride,
                      float32x4_t (*acc)[V]) {
  if (args.accumulate) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = vld1q_f32(y + m * stride + 4 * i);
    }
    return;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const float32x4_t b = vdupq_n_f32(args.bias ? args.bias[row + m] : 0.0f);
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) acc[m][i] = b;
  }
  if (args.residual) {
    const float* r = args.residual + row * stride;
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) {
        acc[m][i] = vaddq_f32(acc[m][i], vld1q_f32(r + m * stride + 4 * i));
      }
    }
  }
}

template <int MR, int V>
SCT_INLINE void finish(const Clamp& clamp, float* y, int64_t stride, float32x4_t (*acc)[V]) {
  if (clamp.low) {
    const float32x4_t lo = vdupq_n_f32(clamp.lo);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = vmaxq_f32(lo, acc[m][i]);
    }
    if (clamp.high) {
      const float32x4_t hi = vdupq_n_f32(clamp.hi);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
        for (int i = 0; i < V; i++) acc[m][i] = vminq_f32(hi, acc[m][i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) vst1q_f32(y + m * stride + 4 * i, acc[m][i]);
  }
}

SCT_INLINE const float* at_byte(const char* x, int64_t offset) {
  return reinterpret_cast<const float*>(x + offset);
}

}  // namespace
}  // namespace secateur
