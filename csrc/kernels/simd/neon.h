// The vector interface of kernels/simd/README.md on Advanced SIMD: 4 lanes. AArch64 (armv8-a), and
// 32-bit Arm with fused multiply-adds (VFPv4).
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "kernels/simd/neon_asm.h"

// How statements of assembly that are written once for f32 and f16 call a vector and one of its
// elements, and the registers that FMLA by element takes one from.
#define SCT_ARRANGED "4s"
#define SCT_ELEMENT "s"
#define SCT_BY_ELEMENT "w"

namespace secateur::simd {
namespace {

constexpr int kLanes = 4;
#if defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif
using Number = float;
using Vec = float32x4_t;
using Mask = uint32x4_t;
using VecTwo = float32x4x2_t;
using VecThree = float32x4x3_t;
constexpr Number kInfinity = __builtin_inff();

inline Vec load(const float* p) { return vld1q_f32(p); }
inline void store(float* p, Vec v) { vst1q_f32(p, v); }
// At p + bytes, by the addressing mode that adds two registers: GCC would add them beforehand.
inline Vec load_at(const float* p, int64_t bytes) {
#if SCT_NO_ASM
  return vld1q_f32(reinterpret_cast<const float*>(reinterpret_cast<const char*>(p) + bytes));
#else
  Vec v;
  asm("ldr %q0, [%1, %2]" : "=w"(v) : "r"(p), "r"(bytes), SCT_READS(p));
  return v;
#endif
}
inline void store_at(float* p, int64_t bytes, Vec v) {
#if SCT_NO_ASM
  vst1q_f32(reinterpret_cast<float*>(reinterpret_cast<char*>(p) + bytes), v);
#else
  asm("str %q1, [%2, %3]" : "+Q"(*reinterpret_cast<float(*)[]>(p)) : "w"(v), "r"(p), "r"(bytes));
#endif
}
inline Vec load_n(const float* p, int n) {
  if (n >= 4) return vld1q_f32(p);
  Vec v = vdupq_n_f32(0.f);
  if (n == 1) return vld1q_lane_f32(p, v, 0);
  if (n >= 2) {
    v = vcombine_f32(vld1_f32(p), vdup_n_f32(0.f));
    if (n == 3) v = vld1q_lane_f32(p + 2, v, 2);
  }
  return v;
}
inline void store_n(float* p, Vec v, int n) {
  if (n >= 4) {
    vst1q_f32(p, v);
  } else if (n == 1) {
    vst1q_lane_f32(p, v, 0);
  } else if (n >= 2) {
    vst1_f32(p, vget_low_f32(v));
    if (n == 3) vst1q_lane_f32(p + 2, v, 2);
  }
}
inline Vec gather(const float* p, const int32_t* index) {
  Vec v = vld1q_dup_f32(p + index[0]);
  v = vld1q_lane_f32(p + index[1], v, 1);
  v = vld1q_lane_f32(p + index[2], v, 2);
  return vld1q_lane_f32(p + index[3], v, 3);
}
inline Vec splat(float x) { return vdupq_n_f32(x); }
inline Vec zero() { return vdupq_n_f32(0.f); }

inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
inline Vec fnma(Vec a, Vec b, Vec c) { return vfmsq_f32(c, a, b); }

// FMAX and FMIN return NaN when either operand is NaN.
inline Vec at_least(Vec x, Vec lo) { return vmaxq_f32(x, lo); }
inline Vec at_most(Vec x, Vec hi) { return vminq_f32(x, hi); }
inline Vec max_nan(Vec a, Vec b) { return vmaxq_f32(a, b); }
inline Vec min_nan(Vec a, Vec b) { return vminq_f32(a, b); }

inline Mask less(Vec a, Vec b) { return vcltq_f32(a, b); }
inline Mask equal(Vec a, Vec b) { return vceqq_f32(a, b); }
inline Vec select(Mask m, Vec yes, Vec no) { return vbslq_f32(m, yes, no); }
inline Vec abs(Vec x) { return vabsq_f32(x); }
inline Vec with_sign_of(Vec magnitude, Vec sign) {
  return vbslq_f32(vdupq_n_u32(0x80000000u), sign, magnitude);
}
inline Vec sqrt(Vec x) { return vsqrtq_f32(x); }

inline Vec round_nearest(Vec x) { return vrndnq_f32(x); }
inline Vec scale_by_power(Vec p, Vec n) {
  const int32x4_t i = vcvtq_s32_f32(n), half = vshrq_n_s32(i, 1), rest = vsubq_s32(i, half);
  const int32x4_t bias = vdupq_n_s32(127);
  const Vec a = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23));
  const Vec b = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23));
  return vmulq_f32(vmulq_f32(p, a), b);
}

inline Vec exponent_of(Vec x) {
  const uint32x4_t bits = vshrq_n_u32(vreinterpretq_u32_f32(x), 23);
  return vcvtq_f32_s32(vsubq_s32(vreinterpretq_s32_u32(bits), vdupq_n_s32(127)));
}

inline float reduce_add(Vec v) { return vaddvq_f32(v); }
inline float reduce_max(Vec v) { return vmaxvq_f32(v); }

inline void deinterleave(Vec lo, Vec hi, Vec* even, Vec* odd) {
  *even = vuzp1q_f32(lo, hi);
  *odd = vuzp2q_f32(lo, hi);
}

// Four consecutive floats, each to be multiplied with a whole vector: FMLA by element.
using Four = float32x4_t;
inline Four load_four(const float* p) { return vld1q_f32(p); }
template <int i>
inline Vec fma_by(Four f, Vec b, Vec c) {
  return vfmaq_laneq_f32(c, b, f, i);
}

inline void load_even_odd(const float* p, Vec* even, Vec* odd) {
  const float32x4x2_t v = vld2q_f32(p);
  *even = v.val[0];
  *odd = v.val[1];
}

// acc + v * w[lane]; `lane` is a constant after unrolling.
SCT_INLINE Vec fma_lane(Vec acc, Vec v, Vec w, int lane) {
  switch (lane) {
    case 0:
      return vfmaq_laneq_f32(acc, v, w, 0);
    case 1:
      return vfmaq_laneq_f32(acc, v, w, 1);
    case 2:
      return vfmaq_laneq_f32(acc, v, w, 2);
    default:
      return vfmaq_laneq_f32(acc, v, w, 3);
  }
}

// Each lane takes its left neighbour, lane 0 the last of `before`; its right one, the last lane the
// first of `after`.
inline Vec from_left(Vec before, Vec x) { return vextq_f32(before, x, 3); }
inline Vec from_right(Vec x, Vec after) { return vextq_f32(x, after, 1); }

}  // namespace
}  // namespace secateur::simd

#if defined(__aarch64__)
#include "kernels/simd/neon_loads.h"
#endif
