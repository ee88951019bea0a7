// What the AVX-512 kernels share: sums of MR rows by NR positions, in zmm registers and, where NR
// is an odd multiple of 8, a half register (ymm) each.
#pragma once

// GCC 12 warns about its own header's undefined vectors.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

#define SCT_INLINE inline __attribute__((always_inline))

// GCC's generic tuning keeps pointers that it spills in vector registers, where reading them back
// queues up behind the FMAs (4x32, 12 blocks: 127 cycles a strip instead of 109). CSR spills little
// and is the better for it.
#if defined(__GNUC__) && !defined(__clang__)
#define SCT_TUNE __attribute__((target("tune=skylake-avx512")))
#else
#define SCT_TUNE
#endif

// The sums of MR rows.
template <int MR, int NR>
struct Tile {
  static constexpr int kFull = NR / 16;
  static constexpr bool kHalf = NR % 16 != 0;
  __m512 full[MR][kFull > 0 ? kFull : 1];
  __m256 half[MR];
};

template <int MR, int NR>
SCT_INLINE void zero(Tile<MR, NR>* t) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
    for (int i = 0; i < NR / 16; i++) t->full[m][i] = _mm512_setzero_ps();
    t->half[m] = _mm256_setzero_ps();
  }
}

template <int MR, int NR>
SCT_INLINE void fill(const float* bias, Tile<MR, NR>* t) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const __m512 b = _mm512_set1_ps(bias[m]);
#pragma GCC unroll 8
    for (int i = 0; i < NR / 16; i++) t->full[m][i] = b;
    t->half[m] = _mm512_castps512_ps256(b);
  }
}

template <int MR, int NR>
SCT_INLINE void add(const Tile<MR, NR>& other, Tile<MR, NR>* t) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
    for (int i = 0; i < NR / 16; i++)
      t->full[m][i] = _mm512_add_ps(t->full[m][i], other.full[m][i]);
    if (NR % 16 != 0) t->half[m] = _mm256_add_ps(t->half[m], other.half[m]);
  }
}

// A strip ends with what it adds to: y of the earlier blocks of columns, or the residual. Loaded
// here rather than in front, these misses hold up two additions and not the chain of FMAs.
template <int MR, int NR>
SCT_INLINE void add(const float* from, int64_t stride, Tile<MR, NR>* t) {
  constexpr int kFull = NR / 16;
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
    for (int i = 0; i < kFull; i++) {
      t->full[m][i] = _mm512_add_ps(t->full[m][i], _mm512_loadu_ps(from + m * stride + 16 * i));
    }
    if (NR % 16 != 0) {
      t->half[m] = _mm256_add_ps(t->half[m], _mm256_loadu_ps(from + m * stride + 16 * kFull));
    }
  }
}

template <int MR, int NR>
SCT_INLINE void clamp(const SpmmArgs& args, Tile<MR, NR>* t) {
  const __m512 lo = _mm512_set1_ps(args.lo), hi = _mm512_set1_ps(args.hi);
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
    for (int i = 0; i < NR / 16; i++) t->full[m][i] = _mm512_max_ps(lo, t->full[m][i]);
    if (NR % 16 != 0) t->half[m] = _mm256_max_ps(_mm512_castps512_ps256(lo), t->half[m]);
  }
  if (args.hi == __builtin_inff()) return;  // ReLU
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
    for (int i = 0; i < NR / 16; i++) t->full[m][i] = _mm512_min_ps(hi, t->full[m][i]);
    if (NR % 16 != 0) t->half[m] = _mm256_min_ps(_mm512_castps512_ps256(hi), t->half[m]);
  }
}

template <int MR, int NR>
SCT_INLINE void store(float* y, int64_t stride, const Tile<MR, NR>& t) {
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
    for (int i = 0; i < NR / 16; i++) _mm512_storeu_ps(y + m * stride + 16 * i, t.full[m][i]);
    if (NR % 16 != 0) _mm256_storeu_ps(y + m * stride + NR / 16 * 16, t.half[m]);
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

// mr = 1: sums += w * the nr activations at `at`.
template <int NR>
SCT_INLINE void multiply(const char* at, __m512 w, Tile<1, NR>* t) {
  const float* in = reinterpret_cast<const float*>(at);
#pragma GCC unroll 8
  for (int i = 0; i < NR / 16; i++) {
    t->full[0][i] = _mm512_fmadd_ps(w, _mm512_loadu_ps(in + 16 * i), t->full[0][i]);
  }
  if (NR % 16 != 0) {
    t->half[0] =
        _mm256_fmadd_ps(_mm512_castps512_ps256(w), _mm256_loadu_ps(in + NR / 16 * 16), t->half[0]);
  }
}

}  // namespace
}  // namespace secateur
