// SpMM for AVX2 with FMA: mr x nr/8 accumulators in ymm registers.
//
// Registers, mr = 1, nr = 96:  acc[12] | w (broadcast) ; activations are memory operands of the
// FMAs.
//            mr = 4, nr = 24:  acc[4][3] | x[3] | w (one broadcast at a time): 16 of 16.
// Bound by: mr = 1, the load ports (one load per FMA beside the broadcast); mr = 4, the FMA ports.
#include <immintrin.h>

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  constexpr int kV = NR / 8;
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t* offset = args.offsets + args.indptr[0];
  const float* value = args.values + int64_t{args.indptr[0]} * MR;
  for (int64_t strip = 0; strip < args.strips; strip++) {
    const int64_t row = args.rows[strip];
    float* y = args.y + row * stride;
    __m256 acc[MR][kV];
    if (args.accumulate) {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
        for (int i = 0; i < kV; i++) acc[m][i] = _mm256_loadu_ps(y + m * stride + 8 * i);
      }
    } else {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const float b = args.bias ? args.bias[row + m] : 0.0f;
#pragma GCC unroll 12
        for (int i = 0; i < kV; i++) acc[m][i] = _mm256_set1_ps(b);
      }
      if (args.residual) {
        const float* r = args.residual + row * stride;
#pragma GCC unroll 8
        for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
          for (int i = 0; i < kV; i++) {
            acc[m][i] = _mm256_add_ps(acc[m][i], _mm256_loadu_ps(r + m * stride + 8 * i));
          }
        }
      }
    }

    for (const int32_t* end = args.offsets + args.indptr[strip + 1]; offset < end; offset++) {
      const float* in = reinterpret_cast<const float*>(x + *offset);
      if (MR == 1) {
        const __m256 w = _mm256_broadcast_ss(value);
#pragma GCC unroll 12
        for (int i = 0; i < kV; i++) {
          acc[0][i] = _mm256_fmadd_ps(w, _mm256_loadu_ps(in + 8 * i), acc[0][i]);
        }
      } else {
        __m256 v[kV];
#pragma GCC unroll 12
        for (int i = 0; i < kV; i++) v[i] = _mm256_loadu_ps(in + 8 * i);
#pragma GCC unroll 8
        for (int m = 0; m < MR; m++) {
          const __m256 w = _mm256_broadcast_ss(value + m);
#pragma GCC unroll 12
          for (int i = 0; i < kV; i++) acc[m][i] = _mm256_fmadd_ps(w, v[i], acc[m][i]);
        }
      }
      value += MR;
    }

    if (args.clamp) {
      const __m256 lo = _mm256_set1_ps(args.lo), hi = _mm256_set1_ps(args.hi);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
        for (int i = 0; i < kV; i++) {
          acc[m][i] = _mm256_min_ps(hi, _mm256_max_ps(lo, acc[m][i]));
        }
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
      for (int i = 0; i < kV; i++) _mm256_storeu_ps(y + m * stride + 8 * i, acc[m][i]);
    }
  }
}

}  // namespace

#define SCT_SPMM_AVX2
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
