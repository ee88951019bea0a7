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

// The accumulators of one strip: kSets independent sums, so that a narrow tile does not wait for
// the latency of its own FMAs.
template <int MR, int NR, int kSets>
struct Tile {
  static constexpr int kFull = NR / 16;
  static constexpr bool kHalf = NR % 16 != 0;
  __m512 full[kSets][MR][kFull > 0 ? kFull : 1];
  __m256 half[kSets][MR];
};

#define SCT_INLINE inline __attribute__((always_inline))

template <int MR, int NR, int kSets>
SCT_INLINE void start(const SpmmArgs& args, int64_t row, const float* y, int64_t stride,
                      Tile<MR, NR, kSets>* t) {
  constexpr int kFull = NR / 16;
  constexpr bool kHalf = NR % 16 != 0;
#pragma GCC unroll 4
  for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) t->full[s][m][i] = _mm512_setzero_ps();
      t->half[s][m] = _mm256_setzero_ps();
    }
  }
  if (args.accumulate) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) t->full[0][m][i] = _mm512_loadu_ps(y + m * stride + 16 * i);
      if (kHalf) t->half[0][m] = _mm256_loadu_ps(y + m * stride + 16 * kFull);
    }
    return;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const __m512 b = _mm512_set1_ps(args.bias ? args.bias[row + m] : 0.0f);
#pragma GCC unroll 8
    for (int i = 0; i < kFull; i++) t->full[0][m][i] = b;
    t->half[0][m] = _mm512_castps512_ps256(b);
  }
  if (args.residual) {
    const float* r = args.residual + row * stride;
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) {
        t->full[0][m][i] =
            _mm512_add_ps(t->full[0][m][i], _mm512_loadu_ps(r + m * stride + 16 * i));
      }
      if (kHalf) {
        t->half[0][m] = _mm256_add_ps(t->half[0][m], _mm256_loadu_ps(r + m * stride + 16 * kFull));
      }
    }
  }
}

template <int MR, int NR, int kSets>
SCT_INLINE void finish(const SpmmArgs& args, float* y, int64_t stride, Tile<MR, NR, kSets>* t) {
  constexpr int kFull = NR / 16;
  constexpr bool kHalf = NR % 16 != 0;
#pragma GCC unroll 4
  for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) {
        t->full[0][m][i] = _mm512_add_ps(t->full[0][m][i], t->full[s][m][i]);
      }
      if (kHalf) t->half[0][m] = _mm256_add_ps(t->half[0][m], t->half[s][m]);
    }
  }
  if (args.clamp) {
    const __m512 lo = _mm512_set1_ps(args.lo), hi = _mm512_set1_ps(args.hi);
    const __m256 lo_half = _mm512_castps512_ps256(lo), hi_half = _mm512_castps512_ps256(hi);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) {
        t->full[0][m][i] = _mm512_min_ps(hi, _mm512_max_ps(lo, t->full[0][m][i]));
      }
      if (kHalf) t->half[0][m] = _mm256_min_ps(hi_half, _mm256_max_ps(lo_half, t->half[0][m]));
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
    for (int i = 0; i < kFull; i++) _mm512_storeu_ps(y + m * stride + 16 * i, t->full[0][m][i]);
    if (kHalf) _mm256_storeu_ps(y + m * stride + 16 * kFull, t->half[0][m]);
  }
}

// acc += w * the nr activations at `in`.
template <int NR>
SCT_INLINE void multiply(const float* in, __m512 w, __m512* full, __m256* half) {
#pragma GCC unroll 8
  for (int i = 0; i < NR / 16; i++) {
    full[i] = _mm512_fmadd_ps(w, _mm512_loadu_ps(in + 16 * i), full[i]);
  }
  if (NR % 16 != 0) {
    *half = _mm256_fmadd_ps(_mm512_castps512_ps256(w), _mm256_loadu_ps(in + NR / 16 * 16), *half);
  }
}

// mr = 1. Four blocks at a time: one load brings four values to every 128-bit lane and an in-lane
// permute, which does not compete for the load ports, spreads each (+6% of peak over a broadcast
// load per value at nr = 64).
template <int NR>
void spmm_csr(const SpmmArgs& args) {
  constexpr int kUnits = (NR + 15) / 16;
  constexpr int kSets = kUnits >= 5 ? 1 : kUnits >= 3 ? 2 : 4;
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride, strips = args.strips;
  const int32_t* indptr = args.indptr;
  const int32_t* rows = args.rows;
  const int32_t* offset = args.offsets + indptr[0];
  const float* value = args.values + indptr[0];
  float* base = args.y;
  auto at = [x](int32_t o) __attribute__((always_inline)) {
    return reinterpret_cast<const float*>(x + o);
  };
  for (int64_t strip = 0; strip < strips; strip++) {
    const int64_t row = rows[strip];
    float* y = base + row * stride;
    Tile<1, NR, kSets> t;
    start(args, row, y, stride, &t);
    int32_t count = indptr[strip + 1] - indptr[strip];
    for (; count >= 4; count -= 4, offset += 4, value += 4) {
      const __m512 w = _mm512_broadcast_f32x4(_mm_loadu_ps(value));
      multiply<NR>(at(offset[0]), _mm512_permute_ps(w, 0x00), t.full[0][0], &t.half[0][0]);
      multiply<NR>(at(offset[1]), _mm512_permute_ps(w, 0x55), t.full[1 % kSets][0],
                   &t.half[1 % kSets][0]);
      multiply<NR>(at(offset[2]), _mm512_permute_ps(w, 0xaa), t.full[2 % kSets][0],
                   &t.half[2 % kSets][0]);
      multiply<NR>(at(offset[3]), _mm512_permute_ps(w, 0xff), t.full[3 % kSets][0],
                   &t.half[3 % kSets][0]);
    }
    for (; count > 0; count--, offset++, value++) {
      multiply<NR>(at(*offset), _mm512_set1_ps(*value), t.full[0][0], &t.half[0][0]);
    }
    finish(args, y, stride, &t);
  }
}

template <int MR, int NR>
void spmm_rows(const SpmmArgs& args) {
  constexpr int kFull = NR / 16;
  constexpr bool kHalf = NR % 16 != 0;
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
    Tile<MR, NR, 1> t;
    start(args, row, y, stride, &t);
    for (int32_t count = indptr[strip + 1] - indptr[strip]; count > 0; count--) {
      const float* in = reinterpret_cast<const float*>(x + *offset++);
      __m512 v[kFull > 0 ? kFull : 1];
      __m256 v_half = _mm256_setzero_ps();
#pragma GCC unroll 8
      for (int i = 0; i < kFull; i++) v[i] = _mm512_loadu_ps(in + 16 * i);
      if (kHalf) v_half = _mm256_loadu_ps(in + 16 * kFull);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const __m512 w = _mm512_set1_ps(value[m]);
#pragma GCC unroll 8
        for (int i = 0; i < kFull; i++) t.full[0][m][i] = _mm512_fmadd_ps(w, v[i], t.full[0][m][i]);
        if (kHalf) {
          t.half[0][m] = _mm256_fmadd_ps(_mm512_castps512_ps256(w), v_half, t.half[0][m]);
        }
      }
      value += MR;
    }
    finish(args, y, stride, &t);
  }
}

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  if (MR == 1) {
    spmm_csr<NR>(args);
  } else {
    spmm_rows<MR, NR>(args);
  }
}

}  // namespace

#define SCT_SPMM_AVX512
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
