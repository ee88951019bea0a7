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

#define SCT_INLINE inline __attribute__((always_inline))

template <int MR, int V>
SCT_INLINE void start(const SpmmArgs& args, int64_t row, const float* y, int64_t stride,
                      __m256 (*acc)[V]) {
  if (args.accumulate) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
      for (int i = 0; i < V; i++) acc[m][i] = _mm256_loadu_ps(y + m * stride + 8 * i);
    }
    return;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const __m256 b = _mm256_set1_ps(args.bias ? args.bias[row + m] : 0.0f);
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) acc[m][i] = b;
  }
  if (args.residual) {
    const float* r = args.residual + row * stride;
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
      for (int i = 0; i < V; i++) {
        acc[m][i] = _mm256_add_ps(acc[m][i], _mm256_loadu_ps(r + m * stride + 8 * i));
      }
    }
  }
}

template <int MR, int V>
SCT_INLINE void finish(const SpmmArgs& args, float* y, int64_t stride, __m256 (*acc)[V]) {
  if (args.clamp) {
    const __m256 lo = _mm256_set1_ps(args.lo), hi = _mm256_set1_ps(args.hi);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
      for (int i = 0; i < V; i++) acc[m][i] = _mm256_min_ps(hi, _mm256_max_ps(lo, acc[m][i]));
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) _mm256_storeu_ps(y + m * stride + 8 * i, acc[m][i]);
  }
}

template <int V>
SCT_INLINE void multiply(const char* in, __m256 w, __m256* acc) {
#pragma GCC unroll 12
  for (int i = 0; i < V; i++) {
    acc[i] =
        _mm256_fmadd_ps(w, _mm256_loadu_ps(reinterpret_cast<const float*>(in) + 8 * i), acc[i]);
  }
}

// mr = 1. Four blocks at a time: one load brings four values to both 128-bit lanes and an in-lane
// permute, which does not compete for the load ports, spreads each. Narrow tiles keep kSets
// independent sums, so as not to wait for the latency of their own FMAs.
template <int V>
void spmm_csr(const SpmmArgs& args) {
  constexpr int kSets = V >= 7 ? 1 : V >= 4 ? 2 : 4;
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
    __m256 acc[kSets][V];
    start<1, V>(args, row, y, stride, acc);
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 12
      for (int i = 0; i < V; i++) acc[s][i] = _mm256_setzero_ps();
    }
    int32_t count = indptr[strip + 1] - indptr[strip];
    for (; count >= 4; count -= 4, offset += 4, value += 4) {
      const __m256 w = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(value));
      multiply<V>(x + offset[0], _mm256_permute_ps(w, 0x00), acc[0]);
      multiply<V>(x + offset[1], _mm256_permute_ps(w, 0x55), acc[1 % kSets]);
      multiply<V>(x + offset[2], _mm256_permute_ps(w, 0xaa), acc[2 % kSets]);
      multiply<V>(x + offset[3], _mm256_permute_ps(w, 0xff), acc[3 % kSets]);
    }
    for (; count > 0; count--, offset++, value++) {
      multiply<V>(x + *offset, _mm256_broadcast_ss(value), acc[0]);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 12
      for (int i = 0; i < V; i++) acc[0][i] = _mm256_add_ps(acc[0][i], acc[s][i]);
    }
    finish<1, V>(args, y, stride, acc);
  }
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
    __m256 acc[MR][V];
    start<MR, V>(args, row, y, stride, acc);
    for (int32_t count = indptr[strip + 1] - indptr[strip]; count > 0; count--, value += MR) {
      const float* in = reinterpret_cast<const float*>(x + *offset++);
      __m256 v[V];
#pragma GCC unroll 12
      for (int i = 0; i < V; i++) v[i] = _mm256_loadu_ps(in + 8 * i);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const __m256 w = _mm256_broadcast_ss(value + m);
#pragma GCC unroll 12
        for (int i = 0; i < V; i++) acc[m][i] = _mm256_fmadd_ps(w, v[i], acc[m][i]);
      }
    }
    finish<MR, V>(args, y, stride, acc);
  }
}

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  if (MR == 1) {
    spmm_csr<NR / 8>(args);
  } else {
    spmm_rows<MR, NR / 8>(args);
  }
}

}  // namespace

#define SCT_SPMM_AVX2
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
