// The vector interface of kernels/simd/README.md on eight f16 of FEAT_FP16, as far as kernels of
// f16 use it. A Number is the bits of an f16, which every compiler can hold in memory.
#pragma once

#include <arm_fp16.h>
#include <arm_neon.h>

#include <cstdint>

#include "kernels/simd/neon_asm.h"

// As in neon.h. FMLA by element takes f16 from v0 to v15 alone.
#define SCT_ARRANGED "8h"
#define SCT_ELEMENT "h"
#define SCT_BY_ELEMENT "x"

namespace secateur::simd {
namespace {

constexpr int kLanes = 8;
constexpr int kRegisters = 32;
using Number = uint16_t;
using Vec = float16x8_t;
using Mask = uint16x8_t;
using VecTwo = float16x8x2_t;
using VecThree = float16x8x3_t;
constexpr Number kInfinity = 0x7c00;

inline Vec of_bits(uint16x8_t bits) { return vreinterpretq_f16_u16(bits); }
inline uint16x8_t bits_of(Vec v) { return vreinterpretq_u16_f16(v); }

inline Vec load(const Number* p) { return of_bits(vld1q_u16(p)); }
inline void store(Number* p, Vec v) { vst1q_u16(p, bits_of(v)); }
inline Vec load_n(const Number* p, int n) {
  if (n >= kLanes) return load(p);
  Number lanes[kLanes] = {};
  for (int i = 0; i < n; i++) lanes[i] = p[i];
  return load(lanes);
}
inline void store_n(Number* p, Vec v, int n) {
  if (n >= kLanes) return store(p, v);
  Number lanes[kLanes];
  store(lanes, v);
  for (int i = 0; i < n; i++) p[i] = lanes[i];
}
inline Vec splat(Number bits) { return of_bits(vdupq_n_u16(bits)); }
inline Vec splat(float x) { return vdupq_n_f16(static_cast<float16_t>(x)); }
inline Vec zero() { return of_bits(vdupq_n_u16(0)); }

inline Vec add(Vec a, Vec b) { return vaddq_f16(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f16(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f16(a, b); }
inline Vec div(Vec a, Vec b) { return vdivq_f16(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f16(c, a, b); }
inline Vec fnma(Vec a, Vec b, Vec c) { return vfmsq_f16(c, a, b); }

inline Vec at_least(Vec x, Vec lo) { return vmaxq_f16(x, lo); }
inline Vec at_most(Vec x, Vec hi) { return vminq_f16(x, hi); }
inline Vec max_nan(Vec a, Vec b) { return vmaxq_f16(a, b); }
inline Vec min_nan(Vec a, Vec b) { return vminq_f16(a, b); }

inline Mask less(Vec a, Vec b) { return vcltq_f16(a, b); }
inline Mask equal(Vec a, Vec b) { return vceqq_f16(a, b); }
inline Vec select(Mask m, Vec yes, Vec no) { return vbslq_f16(m, yes, no); }
inline Vec abs(Vec x) { return vabsq_f16(x); }
inline Vec with_sign_of(Vec magnitude, Vec sign) {
  return vbslq_f16(vdupq_n_u16(0x8000), sign, magnitude);
}
inline Vec sqrt(Vec x) { return vsqrtq_f16(x); }
inline Vec round_nearest(Vec x) { return vrndnq_f16(x); }

inline void deinterleave(Vec lo, Vec hi, Vec* even, Vec* odd) {
  *even = vuzp1q_f16(lo, hi);
  *odd = vuzp2q_f16(lo, hi);
}
inline void load_even_odd(const Number* p, Vec* even, Vec* odd) {
  const uint16x8x2_t v = vld2q_u16(p);
  *even = of_bits(v.val[0]);
  *odd = of_bits(v.val[1]);
}

// acc + v * w[lane]; `lane` is a constant after unrolling.
SCT_INLINE Vec fma_lane(Vec acc, Vec v, Vec w, int lane) {
  switch (lane) {
    case 0:
      return vfmaq_laneq_f16(acc, v, w, 0);
    case 1:
      return vfmaq_laneq_f16(acc, v, w, 1);
    case 2:
      return vfmaq_laneq_f16(acc, v, w, 2);
    case 3:
      return vfmaq_laneq_f16(acc, v, w, 3);
    case 4:
      return vfmaq_laneq_f16(acc, v, w, 4);
    case 5:
      return vfmaq_laneq_f16(acc, v, w, 5);
    case 6:
      return vfmaq_laneq_f16(acc, v, w, 6);
    default:
      return vfmaq_laneq_f16(acc, v, w, 7);
  }
}

// Each lane takes its left neighbour, lane 0 the last of `before`; its right one, the last lane the
// first of `after`.
inline Vec from_left(Vec before, Vec x) { return vextq_f16(before, x, 7); }
inline Vec from_right(Vec x, Vec after) { return vextq_f16(x, after, 1); }

}  // namespace
}  // namespace secateur::simd

#include "kernels/simd/neon_loads.h"
