// The loop of i8 SpMM over vectors of 8 positions' four channels, each of which a dot product adds
// to 8 sums. Include in a file that defines, beside the names of avx2_lanes.h:
//
//   add_dot(sums, x, w)   sums + the products of four unsigned bytes with four signed
//   sets_of(mr, v)        independent sums of one strip of mr rows and v vectors: 1 or 2
//
// The first factor is unsigned: x's sign bits are flipped by the vpxor that loads it.
#pragma once

#include "kernels/spmm_i8/avx2_lanes.h"

namespace secateur {
namespace {

using Sum = __m256i;
SCT_INLINE Sum start(int32_t v) { return _mm256_set1_epi32(v); }
SCT_INLINE I32 total(Sum s) { return s; }

template <int V>
SCT_INLINE void load_x(const char* p, __m256i (&x)[V]) {
  const __m256i sign = _mm256_set1_epi32(static_cast<int>(0x80808080u));
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) x[v] = _mm256_xor_si256(load(p + 32 * v), sign);
}

// One block of MR rows.
template <int MR, int V, class Stream>
SCT_INLINE void multiply_block(const Stream& in, int64_t block, __m256i (*acc)[V]) {
  __m256i x[V];
  load_x<V>(in.x + (int64_t{in.codes[block]} << in.shift), x);
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) {
    const __m256i w = _mm256_set1_epi32(in.values[block * MR + m]);
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) acc[m][v] = add_dot(acc[m][v], x[v], w);
  }
}

struct Form {
  template <int MR, int V, class Stream>
  SCT_INLINE static void multiply(const Stream& in, int64_t i, int64_t end, __m256i (*acc)[V]) {
    if constexpr (sets_of(MR, V) == 1) {
      for (; i < end; i++) multiply_block<MR, V>(in, i, acc);
    } else {
      __m256i other[MR][V];
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) other[m][v] = _mm256_setzero_si256();
      }
      for (; i + 2 <= end; i += 2) {
        multiply_block<MR, V>(in, i, acc);
        multiply_block<MR, V>(in, i + 1, other);
      }
      if (i < end) multiply_block<MR, V>(in, i, acc);
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) acc[m][v] = _mm256_add_epi32(acc[m][v], other[m][v]);
      }
    }
  }
};

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/spmm_i8_body.h"
