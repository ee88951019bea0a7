// The names of depthwise_i8_body.h that NEON's kernels have in common: a vector is one output's
// four channels.
#pragma once

#include <arm_neon.h>

#include "kernels/depthwise_i8/depthwise_i8.h"
#include "kernels/simd/neon_asm.h"

namespace secateur {
namespace {

constexpr int kOutputs = 1;
using I32 = int32x4_t;
using Weight = int8x16_t;

inline Weight weight(const int8_t* p) { return vld1q_s8(p); }

struct Rescale {
  float32x4_t scale;
  int16x8_t zero;
  int8x16_t lo, hi;
  explicit Rescale(const DepthwiseI8Band& b)
      : scale(vld1q_f32(b.scale)),
        zero(vdupq_n_s16(static_cast<int16_t>(b.zero))),
        lo(vdupq_n_s8(static_cast<int8_t>(b.lo))),
        hi(vdupq_n_s8(static_cast<int8_t>(b.hi))) {}
  int32x4_t nearest(I32 v) const { return vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(v), scale)); }
  int16x8_t half(I32 a, I32 b) const {
    return vqaddq_s16(vqmovn_high_s32(vqmovn_s32(nearest(a)), nearest(b)), zero);
  }
};

inline void rescale(I32 a, I32 b, I32 c, I32 d, const Rescale& r, int8_t* y) {
  const int8x16_t v = vqmovn_high_s16(vqmovn_s16(r.half(a, b)), r.half(c, d));
  vst1q_s8(y, vminq_s8(vmaxq_s8(v, r.lo), r.hi));
}

inline void group(const DepthwiseI8Row& row) {
  const DepthwiseI8Row r = row;  // groups are bytes, which may be anything else, too
  const uint8x16_t turned = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  const int8_t* from = r.line;
  const int64_t step = 4 * r.stride, next = r.dilation;
  if (next == 1) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < r.outputs; j++) {
      vst1q_s8(r.groups + 16 * j, vqtbl1q_s8(vld1q_s8(from + j * step), turned));
    }
    return;
  }
  for (int64_t j = 0; j < r.outputs; j++) {
    const auto* p = reinterpret_cast<const int32_t*>(from + j * step);
    int32x4_t v = vld1q_dup_s32(p);
    v = vld1q_lane_s32(p + next, v, 1);
    v = vld1q_lane_s32(p + 2 * next, v, 2);
    v = vld1q_lane_s32(p + 3 * next, v, 3);
    vst1q_s8(r.groups + 16 * j, vqtbl1q_s8(vreinterpretq_s8_s32(v), turned));
  }
}

}  // namespace
}  // namespace secateur
