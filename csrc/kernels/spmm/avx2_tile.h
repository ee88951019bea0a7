// What the AVX2 kernels share: sums of MR rows by V vectors of 8 positions, in ymm registers.
#pragma once

#include <immintrin.h>

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

#define SCT_INLINE inline __attribute__((always_inline))

template <int MR, int V>
SCT_INLINE void zero(__m256 (*sum)[V]) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) sum[m][i] = _mm256_setzero_ps();
  }
}

// A strip ends with what it adds to: y of the earlier blocks of columns, or the residual. Loaded
// here rather than in front, these misses hold up two additions and not the chain of FMAs.
template <int MR, int V>
SCT_INLINE void add(const float* from, int64_t stride, __m256 (*sum)[V]) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) {
      sum[m][i] = _mm256_add_ps(sum[m][i], _mm256_loadu_ps(from + m * stride + 8 * i));
    }
  }
}

template <int MR, int V>
SCT_INLINE void clamp(const SpmmArgs& args, __m256 (*sum)[V]) {
  const __m256 lo = _mm256_broadcast_ss(&args.lo), hi = _mm256_broadcast_ss(&args.hi);
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) sum[m][i] = _mm256_max_ps(lo, sum[m][i]);
  }
  if (args.hi == __builtin_inff()) return;  // ReLU
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) sum[m][i] = _mm256_min_ps(hi, sum[m][i]);
  }
}

template <int MR, int V>
SCT_INLINE void store(float* y, int64_t stride, const __m256 (*sum)[V]) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) _mm256_storeu_ps(y + m * stride + 8 * i, sum[m][i]);
  }
}

// A count that GCC cannot reckon with: else it turns each loop's into a last address, by a handful
// of instructions before and after, for loops of one to five turns (1x64, 13 nonzeros: 2% more
// time; pairs of rows, with three such loops: 4%).
template <typename Count>
SCT_INLINE void hide(Count* count) {
  __asm__("" : "+r"(*count));
}

// Bytes from x to a block's activations. By shlx, whose count is any register.
SCT_INLINE int64_t place(uint16_t code, int shift) { return int64_t{code} << shift; }

// mr = 1: the value is in a register already.
template <int V>
SCT_INLINE void multiply(const char* in, __m256 w, __m256* sum) {
#pragma GCC unroll 12
  for (int i = 0; i < V; i++) {
    sum[i] =
        _mm256_fmadd_ps(w, _mm256_loadu_ps(reinterpret_cast<const float*>(in) + 8 * i), sum[i]);
  }
}

}  // namespace
}  // namespace secateur
