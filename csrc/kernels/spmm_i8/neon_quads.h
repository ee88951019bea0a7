// The loop over quads that NEON's i8 SpMM kernels share, small for the device: rows leave their
// sums in memory, in L1, and one function that all widths have in common rescales a quad. Include
// after what multiplies:
//
//   Sum                  of four positions, in any form; total(Sum) gives the four i32
//   start(i32)           a Sum that total() gives that number of
//   Form::multiply<MR, V>(in, i, end, sums)   adds the blocks [i, end) of a strip
//
// Four rows of four positions are rescaled by some 25 instructions: 2 ldp, 4 scvtf, 4 fmul, 4
// fcvtns, which round half to even and saturate, 4 sqxtn and 2 sqadd to i16 with the zero point,
// 2 sqxtn, one tbl that puts each position's four rows together, 2 bounds where there are any.
#pragma once

#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmm_i8/spmm_i8.h"

namespace secateur {
namespace {

// What the inner loops read.
struct Stream {
  const char* x;
  const int32_t* offsets;
  const int32_t* values;
};

// What a quad is rescaled with.
struct Rescale {
  float32x4_t scale[4];  // of its rows
  int16x8_t zero;
  bool bounded;  // to less than what saturation leaves
  int8x16_t lo, hi;
};

// Four positions of four rows, t[row], as bytes: each position's rows side by side.
inline __attribute__((always_inline)) int8x16_t rounded(const float32x4_t* t, int16x8_t zero) {
  const uint8x16_t turned = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  const int16x8_t a = vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(t[0])), vcvtnq_s32_f32(t[1]));
  const int16x8_t b = vqmovn_high_s32(vqmovn_s32(vcvtnq_s32_f32(t[2])), vcvtnq_s32_f32(t[3]));
  return vqtbl1q_s8(vqmovn_high_s16(vqmovn_s16(vqaddq_s16(a, zero)), vqaddq_s16(b, zero)), turned);
}

// Sixteen positions without a residual.
inline __attribute__((always_inline)) void rescale_16(const Rescale& r, const int32_t* sums,
                                                      int64_t nr, int8_t* y) {
  int8x16_t out[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    float32x4_t t[4];
#pragma GCC unroll 4
    for (int m = 0; m < 4; m++) {
      t[m] = vmulq_f32(vcvtq_f32_s32(vld1q_s32(sums + m * nr + 4 * i)), r.scale[m]);
    }
    out[i] = rounded(t, r.zero);
  }
  if (r.bounded) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) out[i] = vminq_s8(vmaxq_s8(out[i], r.lo), r.hi);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) vst1q_s8(y + 16 * i, out[i]);
}

// One for all widths: GCC would make a copy for each. Clang makes none, and knows no `noclone`.
#if defined(__clang__)
#define SCT_ONE_COPY __attribute__((noinline))
#else
#define SCT_ONE_COPY __attribute__((noinline, noclone))
#endif

// sums: [4][nr]
SCT_ONE_COPY void rescale_quad(const SpmmI8Args& args, int64_t quad, const int32_t* sums,
                               int64_t nr) {
  Rescale r;
#pragma GCC unroll 4
  for (int m = 0; m < 4; m++) r.scale[m] = vld1q_dup_f32(args.scale + 4 * quad + m);
  r.zero = vdupq_n_s16(static_cast<int16_t>(args.zero));
  r.bounded = args.lo > -128 || args.hi < 127;
  r.lo = vdupq_n_s8(static_cast<int8_t>(args.lo));
  r.hi = vdupq_n_s8(static_cast<int8_t>(args.hi));
  const int64_t at = quad * args.y_stride;
  const int8_t* residual = args.residual ? args.residual + at : nullptr;
  int8_t* y = args.y + at;
  int64_t p = 0;
  for (; !residual && p + 16 <= nr; p += 16) rescale_16(r, sums + p, nr, y + 4 * p);
  for (; p < nr; p += 4) {
    float32x4_t t[4];
#pragma GCC unroll 4
    for (int m = 0; m < 4; m++) {
      t[m] = vmulq_f32(vcvtq_f32_s32(vld1q_s32(sums + m * nr + p)), r.scale[m]);
    }
    if (residual) {
      const int32x4_t bytes = vreinterpretq_s32_s8(vld1q_s8(residual + 4 * p));
      const int32x4_t zero = vdupq_n_s32(args.residual_zero);
#pragma GCC unroll 4
      for (int m = 0; m < 4; m++) {
        const int32x4_t code = vshrq_n_s32(vshlq_s32(bytes, vdupq_n_s32(24 - 8 * m)), 24);
        const float32x4_t more = vcvtq_f32_s32(vsubq_s32(code, zero));
        t[m] = vaddq_f32(t[m], vmulq_n_f32(more, args.residual_scale));
      }
    }
    vst1q_s8(y + 4 * p, vminq_s8(vmaxq_s8(rounded(t, r.zero), r.lo), r.hi));
  }
}

template <int MR, int V, class Form>
inline __attribute__((always_inline)) void run_quads(const SpmmI8Args& given) {
  const SpmmI8Args args = given;  // y may alias what they point to, not them
  const Stream in = {reinterpret_cast<const char*>(args.x), args.offsets, args.values};
  const bool alone = args.first && args.last;
  alignas(16) int32_t own[16 * V];
  const int32_t* indptr = args.indptr;
  int64_t at = *indptr;
  for (int64_t q = 0; q < args.quads; q++) {
    const int64_t quad = args.rows[q];
    int32_t* const sums = alone ? own : args.sums + (quad - args.first_quad) * 16 * V;
    const int32_t* bias = args.bias + 4 * quad;
    int32_t* to = sums;
    for (int strip = 0; strip < 4; strip += MR, to += MR * 4 * V) {
      Sum acc[MR][V];
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) {
        const Sum b = start(args.first ? bias[strip + m] : 0);
#pragma GCC unroll 16
        for (int i = 0; i < V; i++) acc[m][i] = b;
      }
      const int64_t end = *++indptr;
      Form::template multiply<MR, V>(in, at, end, acc);
      at = end;
      int32x4_t all[MR][V];
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
        for (int i = 0; i < V; i++) all[m][i] = total(acc[m][i]);
      }
      if (!args.first) {
#pragma GCC unroll 4
        for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
          for (int i = 0; i < V; i++) {
            all[m][i] = vaddq_s32(all[m][i], vld1q_s32(to + 4 * (m * V + i)));
          }
        }
      }
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
        for (int i = 0; i < V; i++) vst1q_s32(to + 4 * (m * V + i), all[m][i]);
      }
    }
    if (args.last) rescale_quad(args, quad, sums, 4 * V);
  }
}

}  // namespace
}  // namespace secateur
