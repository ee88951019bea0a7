// SpMM for Armv8-A Advanced SIMD: mr x nr/4 accumulators in v registers, weights multiplied by
// lane.
//
// Registers, mr = 1, nr = 64:  acc[16] | w (4 blocks' values) | activations in flight
//            mr = 4, nr = 24:  acc[4][6] | w (4 rows) | x in flight (7 left)
//            mr = 8, nr = 12:  acc[8][3] | w[2] | x[3]
// mr = 1 takes four blocks at a time: one load brings four values, `fmla by element` spends no
// instruction on the broadcast. Bound by: mr = 1, loads (one per FMA); mr >= 4, FMAs.
// Cortex-A53 issues a 128-bit load over two cycles: for it 64-bit loads into halves, interleaved
// with the FMAs, would do better; not written yet.
#include <arm_neon.h>

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

inline __attribute__((always_inline)) float32x4_t fma_lane(float32x4_t acc, float32x4_t v,
                                                           float32x4_t w, int lane) {
  switch (lane) {  // `lane` is a constant after unrolling
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

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  constexpr int kV = NR / 4;
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t* offset = args.offsets + args.indptr[0];
  const float* value = args.values + int64_t{args.indptr[0]} * MR;
  for (int64_t strip = 0; strip < args.strips; strip++) {
    const int64_t row = args.rows[strip];
    float* y = args.y + row * stride;
    float32x4_t acc[MR][kV];
    if (args.accumulate) {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
        for (int i = 0; i < kV; i++) acc[m][i] = vld1q_f32(y + m * stride + 4 * i);
      }
    } else {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const float b = args.bias ? args.bias[row + m] : 0.0f;
#pragma GCC unroll 16
        for (int i = 0; i < kV; i++) acc[m][i] = vdupq_n_f32(b);
      }
      if (args.residual) {
        const float* r = args.residual + row * stride;
#pragma GCC unroll 8
        for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
          for (int i = 0; i < kV; i++) {
            acc[m][i] = vaddq_f32(acc[m][i], vld1q_f32(r + m * stride + 4 * i));
          }
        }
      }
    }

    const int32_t* end = args.offsets + args.indptr[strip + 1];
    if (MR == 1) {
      for (; end - offset >= 4; offset += 4, value += 4) {
        const float32x4_t w = vld1q_f32(value);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
          const float* in = reinterpret_cast<const float*>(x + offset[j]);
#pragma GCC unroll 16
          for (int i = 0; i < kV; i++) {
            acc[0][i] = fma_lane(acc[0][i], vld1q_f32(in + 4 * i), w, j);
          }
        }
      }
    }
    for (; offset < end; offset++, value += MR) {
      const float* in = reinterpret_cast<const float*>(x + *offset);
      if (MR == 1) {
        const float32x4_t w = vld1q_dup_f32(value);
#pragma GCC unroll 16
        for (int i = 0; i < kV; i++) acc[0][i] = vfmaq_f32(acc[0][i], vld1q_f32(in + 4 * i), w);
      } else if (MR == 2) {
        const float32x2_t w = vld1_f32(value);
#pragma GCC unroll 16
        for (int i = 0; i < kV; i++) {
          const float32x4_t v = vld1q_f32(in + 4 * i);
          acc[0][i] = vfmaq_lane_f32(acc[0][i], v, w, 0);
          acc[MR > 1 ? 1 : 0][i] = vfmaq_lane_f32(acc[MR > 1 ? 1 : 0][i], v, w, 1);
        }
      } else {
        float32x4_t w[(MR + 3) / 4];
#pragma GCC unroll 2
        for (int m = 0; m < MR / 4; m++) w[m] = vld1q_f32(value + 4 * m);
#pragma GCC unroll 16
        for (int i = 0; i < kV; i++) {
          const float32x4_t v = vld1q_f32(in + 4 * i);
#pragma GCC unroll 8
          for (int m = 0; m < MR; m++) acc[m][i] = fma_lane(acc[m][i], v, w[m / 4], m % 4);
        }
      }
    }

    if (args.clamp) {
      const float32x4_t lo = vdupq_n_f32(args.lo), hi = vdupq_n_f32(args.hi);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
        for (int i = 0; i < kV; i++) acc[m][i] = vminq_f32(hi, vmaxq_f32(lo, acc[m][i]));
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
      for (int i = 0; i < kV; i++) vst1q_f32(y + m * stride + 4 * i, acc[m][i]);
    }
  }
}

}  // namespace

#define SCT_SPMM_NEON
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
