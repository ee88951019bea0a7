// SpMM for AVX-512: mr x nr/16 accumulators in zmm registers, a half register (ymm) where nr is an
// odd multiple of 8.
//
// Registers, mr = 1, nr = 64:  acc[4] | w (broadcast) ; activations are memory operands of the
// FMAs.
//            mr = 8, nr = 48:  acc[8][3] | x[3] | w (one broadcast at a time).
// Bound by: mr = 1, the load ports (one load per FMA beside the broadcast); mr >= 4, the FMA ports.
// GCC 12 warns about its own header's undefined vectors.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  constexpr int kFull = NR / 16;
  constexpr bool kHalf = NR % 16 != 0;
  constexpr int kFullOr1 = kFull > 0 ? kFull : 1;
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t* offset = args.offsets + args.indptr[0];
  const float* value = args.values + int64_t{args.indptr[0]} * MR;
  for (int64_t strip = 0; strip < args.strips; strip++) {
    const int64_t row = args.rows[strip];
    float* y = args.y + row * stride;
    __m512 acc[MR][kFullOr1];
    __m256 half[MR];
    if (args.accumulate) {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
        for (int i = 0; i < kFull; i++) acc[m][i] = _mm512_loadu_ps(y + m * stride + 16 * i);
        if (kHalf) half[m] = _mm256_loadu_ps(y + m * stride + 16 * kFull);
      }
    } else {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const float b = args.bias ? args.bias[row + m] : 0.0f;
#pragma GCC unroll 8
        for (int i = 0; i < kFull; i++) acc[m][i] = _mm512_set1_ps(b);
        if (kHalf) half[m] = _mm256_set1_ps(b);
      }
      if (args.residual) {
        const float* r = args.residual + row * stride;
#pragma GCC unroll 8
        for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
          for (int i = 0; i < kFull; i++) {
            acc[m][i] = _mm512_add_ps(acc[m][i], _mm512_loadu_ps(r + m * stride + 16 * i));
          }
          if (kHalf) half[m] = _mm256_add_ps(half[m], _mm256_loadu_ps(r + m * stride + 16 * kFull));
        }
      }
    }

    for (const int32_t* end = args.offsets + args.indptr[strip + 1]; offset < end; offset++) {
      const float* in = reinterpret_cast<const float*>(x + *offset);
      __m512 v[kFullOr1];
      __m256 v_half = _mm256_setzero_ps();
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) v[i] = _mm512_loadu_ps(in + 16 * i);
      if (kHalf) v_half = _mm256_loadu_ps(in + 16 * kFull);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const __m512 w = _mm512_set1_ps(value[m]);
#pragma GCC unroll 8
        for (int i = 0; i < kFull; i++) acc[m][i] = _mm512_fmadd_ps(w, v[i], acc[m][i]);
        if (kHalf) half[m] = _mm256_fmadd_ps(_mm512_castps512_ps256(w), v_half, half[m]);
      }
      value += MR;
    }

    if (args.clamp) {
      const __m512 lo = _mm512_set1_ps(args.lo), hi = _mm512_set1_ps(args.hi);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
        for (int i = 0; i < kFull; i++) {
          acc[m][i] = _mm512_min_ps(hi, _mm512_max_ps(lo, acc[m][i]));
        }
        if (kHalf) {
          half[m] = _mm256_min_ps(_mm512_castps512_ps256(hi),
                                  _mm256_max_ps(_mm512_castps512_ps256(lo), half[m]));
        }
      }
    }
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) _mm512_storeu_ps(y + m * stride + 16 * i, acc[m][i]);
      if (kHalf) _mm256_storeu_ps(y + m * stride + 16 * kFull, half[m]);
    }
  }
}

}  // namespace

#define SCT_SPMM_AVX512
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
