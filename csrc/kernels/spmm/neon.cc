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

#define SCT_INLINE inline __attribute__((always_inline))

template <int MR, int V>
SCT_INLINE void start(const SpmmArgs& args, int64_t row, const float* y, int64_t stride,
                      float32x4_t (*acc)[V]) {
  if (args.accumulate) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[m][i] = vld1q_f32(y + m * stride + 4 * i);
    }
    return;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const float32x4_t b = vdupq_n_f32(args.bias ? args.bias[row + m] : 0.0f);
#pragma GCC unroll 16
    for (int i = 0; i < V; i++) acc[m][i] = b;
  }
  if (args.residual) {
    const float* r = args.residual + row * stride;
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) {
        acc[m][i] = vaddq_f32(acc[m][i], vld1q_f32(r + m * stride + 4 * i));
      }
    }
  }
}

template <int MR, int V>
SCT_INLINE void finish(const SpmmArgs& args, float* y, int64_t stride, float32x4_t (*acc)[V]) {
  if (args.clamp) {
    const float32x4_t lo = vdupq_n_f32(args.lo), hi = vdupq_n_f32(args.hi);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[m][i] = vminq_f32(hi, vmaxq_f32(lo, acc[m][i]));
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
    for (int i = 0; i < V; i++) vst1q_f32(y + m * stride + 4 * i, acc[m][i]);
  }
}

// mr = 1. Narrow tiles keep kSets independent sums, so as not to wait for the latency of their own
// FMAs (7 cycles on a Cortex-A72, 4 at two a cycle on an A76).
template <int V>
void spmm_csr(const SpmmArgs& args) {
  constexpr int kSets = V >= 8 ? 1 : V >= 4 ? 2 : 4;
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride, strips = args.strips;
  const int32_t* indptr = args.indptr;
  const int32_t* rows = args.rows;
  const int32_t* offset = args.offsets + indptr[0];
  const float* value = args.values + indptr[0];
  float* base = args.y;
  for (int64_t strip = 0; strip < strips; strip++) {
    const int64_t row = rows[strip];
    float* y = base + row * stride;
    float32x4_t acc[kSets][V];
    start<1, V>(args, row, y, stride, acc);
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[s][i] = vdupq_n_f32(0.0f);
    }
    int32_t count = indptr[strip + 1] - indptr[strip];
    for (; count >= 4; count -= 4, offset += 4, value += 4) {
      const float32x4_t w = vld1q_f32(value);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        const float* in = reinterpret_cast<const float*>(x + offset[j]);
#pragma GCC unroll 16
        for (int i = 0; i < V; i++) {
          acc[j % kSets][i] = fma_lane(acc[j % kSets][i], vld1q_f32(in + 4 * i), w, j);
        }
      }
    }
    for (; count > 0; count--, offset++, value++) {
      const float* in = reinterpret_cast<const float*>(x + *offset);
      const float32x4_t w = vld1q_dup_f32(value);
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[0][i] = vfmaq_f32(acc[0][i], vld1q_f32(in + 4 * i), w);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[0][i] = vaddq_f32(acc[0][i], acc[s][i]);
    }
    finish<1, V>(args, y, stride, acc);
  }
}

// The values of one block: mr lanes of v registers (2 rows take half of one).
template <int MR>
SCT_INLINE void load_values(const float* value, float32x4_t* w) {
  if (MR == 2) {
    const float32x2_t pair = vld1_f32(value);
    w[0] = vcombine_f32(pair, pair);
    return;
  }
#pragma GCC unroll 2
  for (int m = 0; m < MR / 4; m++) w[m] = vld1q_f32(value + 4 * m);
}

template <int MR, int V>
void spmm_rows(const SpmmArgs& args) {
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride, strips = args.strips;
  const int32_t* indptr = args.indptr;
  const int32_t* rows = args.rows;
  const int32_t* offset = args.offsets + indptr[0];
  const float* value = args.values + int64_t{indptr[0]} * MR;
  float* base = args.y;
  for (int64_t strip = 0; strip < strips; strip++) {
    const int64_t row = rows[strip];
    float* y = base + row * stride;
    float32x4_t acc[MR][V];
    start<MR, V>(args, row, y, stride, acc);
    for (int32_t count = indptr[strip + 1] - indptr[strip]; count > 0; count--, value += MR) {
      const float* in = reinterpret_cast<const float*>(x + *offset++);
      float32x4_t w[(MR + 3) / 4];
      load_values<MR>(value, w);
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) {
        const float32x4_t v = vld1q_f32(in + 4 * i);
#pragma GCC unroll 8
        for (int m = 0; m < MR; m++) acc[m][i] = fma_lane(acc[m][i], v, w[m / 4], m % 4);
      }
    }
    finish<MR, V>(args, y, stride, acc);
  }
}

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  if (MR == 1) {
    spmm_csr<NR / 4>(args);
  } else {
    spmm_rows<MR, NR / 4>(args);
  }
}

}  // namespace

#define SCT_SPMM_NEON
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
