// The names of spmm_i8_body.h that NEON's kernels have in common: 4 positions a vector.
#pragma once

#include <arm_neon.h>

#include "kernels/spmm_i8/spmm_i8.h"

namespace secateur {
namespace {

constexpr int kLanes = 4;
using I32 = int32x4_t;
using F32 = float32x4_t;
using Half = int16x8_t;
using Quad = int8x16_t;

inline I32 load32(const int32_t* p) { return vld1q_s32(p); }
inline void store32(int32_t* p, I32 v) { vst1q_s32(p, v); }
inline I32 splat32(int32_t v) { return vdupq_n_s32(v); }
inline I32 add32(I32 a, I32 b) { return vaddq_s32(a, b); }

inline F32 splat_f(float v) { return vdupq_n_f32(v); }
inline F32 to_float(I32 v) { return vcvtq_f32_s32(v); }
inline F32 mul_f(F32 a, F32 b) { return vmulq_f32(a, b); }
inline F32 add_f(F32 a, F32 b) { return vaddq_f32(a, b); }
inline I32 to_int(F32 v) { return vcvtnq_s32_f32(v); }  // saturates

inline Half pack16(I32 a, I32 b) { return vqmovn_high_s32(vqmovn_s32(a), b); }
inline Half add16(Half v, int32_t z) { return vqaddq_s16(v, vdupq_n_s16(static_cast<int16_t>(z))); }
inline Quad pack8(Half a, Half b) {
  const uint8x16_t turned = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  return vqtbl1q_s8(vqmovn_high_s16(vqmovn_s16(a), b), turned);
}
inline Quad clamp8(Quad v, int32_t lo, int32_t hi) {
  return vminq_s8(vmaxq_s8(v, vdupq_n_s8(static_cast<int8_t>(lo))),
                  vdupq_n_s8(static_cast<int8_t>(hi)));
}
inline void store8(int8_t* p, Quad v) { vst1q_s8(p, v); }
inline I32 residual_row(const int8_t* p, int row) {
  const int32x4_t bytes = vreinterpretq_s32_s8(vld1q_s8(p));
  return vshrq_n_s32(vshlq_s32(bytes, vdupq_n_s32(24 - 8 * row)), 24);
}

}  // namespace
}  // namespace secateur
