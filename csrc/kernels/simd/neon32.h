// What AArch64's arm_neon.h has and that of 32-bit Arm lacks, by its own names. Of the same values
// but for denormal numbers, which NEON of 32-bit Arm takes and gives as zero.
#pragma once

#include <arm_neon.h>

namespace secateur {
namespace {

inline float32x4_t vfmaq_laneq_f32(float32x4_t acc, float32x4_t a, float32x4_t b, int lane) {
  const float32x2_t half = lane < 2 ? vget_low_f32(b) : vget_high_f32(b);
  return vfmaq_f32(acc, a, lane % 2 == 0 ? vdupq_lane_f32(half, 0) : vdupq_lane_f32(half, 1));
}

inline float32x4_t vfmaq_lane_f32(float32x4_t acc, float32x4_t a, float32x2_t b, int lane) {
  return vfmaq_f32(acc, a, lane == 0 ? vdupq_lane_f32(b, 0) : vdupq_lane_f32(b, 1));
}

inline float vaddvq_f32(float32x4_t v) {
  const float32x2_t s = vadd_f32(vget_low_f32(v), vget_high_f32(v));
  return vget_lane_f32(vpadd_f32(s, s), 0);
}
inline float vmaxvq_f32(float32x4_t v) {
  const float32x2_t s = vmax_f32(vget_low_f32(v), vget_high_f32(v));
  return vget_lane_f32(vpmax_f32(s, s), 0);
}

// No vector form: by the scalar unit, lane by lane, which rounds as AArch64 does.
inline float32x4_t vdivq_f32(float32x4_t a, float32x4_t b) {
  float32x4_t v = vdupq_n_f32(vgetq_lane_f32(a, 0) / vgetq_lane_f32(b, 0));
  v = vsetq_lane_f32(vgetq_lane_f32(a, 1) / vgetq_lane_f32(b, 1), v, 1);
  v = vsetq_lane_f32(vgetq_lane_f32(a, 2) / vgetq_lane_f32(b, 2), v, 2);
  return vsetq_lane_f32(vgetq_lane_f32(a, 3) / vgetq_lane_f32(b, 3), v, 3);
}
inline float32x4_t vsqrtq_f32(float32x4_t a) {
  float32x4_t v = vdupq_n_f32(__builtin_sqrtf(vgetq_lane_f32(a, 0)));
  v = vsetq_lane_f32(__builtin_sqrtf(vgetq_lane_f32(a, 1)), v, 1);
  v = vsetq_lane_f32(__builtin_sqrtf(vgetq_lane_f32(a, 2)), v, 2);
  return vsetq_lane_f32(__builtin_sqrtf(vgetq_lane_f32(a, 3)), v, 3);
}

// With 1.5 * 2^23 added there are no bits behind the point: |x| < 2^22.
inline float32x4_t vrndnq_f32(float32x4_t x) {
  const float32x4_t shift = vdupq_n_f32(12582912.f);
  return vsubq_f32(vaddq_f32(x, shift), shift);
}
// What lies beyond 2^21 becomes that: callers saturate to less.
inline int32x4_t vcvtnq_s32_f32(float32x4_t x) {
  const float32x4_t most = vdupq_n_f32(2097152.f);
  return vcvtq_s32_f32(vrndnq_f32(vmaxq_f32(vminq_f32(x, most), vnegq_f32(most))));
}

inline float32x4_t vuzp1q_f32(float32x4_t a, float32x4_t b) { return vuzpq_f32(a, b).val[0]; }
inline float32x4_t vuzp2q_f32(float32x4_t a, float32x4_t b) { return vuzpq_f32(a, b).val[1]; }
inline int32x4_t vzip1q_s32(int32x4_t a, int32x4_t b) { return vzipq_s32(a, b).val[0]; }
inline int32x4_t vzip2q_s32(int32x4_t a, int32x4_t b) { return vzipq_s32(a, b).val[1]; }

inline int32x4_t vpaddq_s32(int32x4_t a, int32x4_t b) {
  return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)),
                      vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
}
inline int16x8_t vmull_high_s8(int8x16_t a, int8x16_t b) {
  return vmull_s8(vget_high_s8(a), vget_high_s8(b));
}
inline int16x8_t vmlal_high_s8(int16x8_t acc, int8x16_t a, int8x16_t b) {
  return vmlal_s8(acc, vget_high_s8(a), vget_high_s8(b));
}
inline int16x8_t vqmovn_high_s32(int16x4_t low, int32x4_t v) {
  return vcombine_s16(low, vqmovn_s32(v));
}
inline int8x16_t vqmovn_high_s16(int8x8_t low, int16x8_t v) {
  return vcombine_s8(low, vqmovn_s16(v));
}
inline int8x16_t vqtbl1q_s8(int8x16_t table, uint8x16_t at) {
  const int8x8x2_t both = {{vget_low_s8(table), vget_high_s8(table)}};
  return vcombine_s8(vtbl2_s8(both, vreinterpret_s8_u8(vget_low_u8(at))),
                     vtbl2_s8(both, vreinterpret_s8_u8(vget_high_u8(at))));
}

}  // namespace
}  // namespace secateur
