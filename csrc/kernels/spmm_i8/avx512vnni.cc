// i8 SpMM for AVX-512 with VNNI: vpdpbusd multiplies 16 positions' four channels by four weights
// and adds them to 16 sums. Its first factor is unsigned: x's sign bits are flipped by the vpxord
// that loads it, unless they were when a panel was packed.
//
// Registers, mr = 1, nr = 64: sum[4], two sets | w, spread from one load of four blocks' | x
//            mr = 4, nr = 80: sum[4][5] | x[5] | w (one broadcast at a time)
// Bound by: mr = 1, the load ports, a load a dot product beside values and codes, which is as many
// as cores start dot products; mr >= 2, the dot products. Of short rows, by rounding: 5 vector
// instructions a row and 16 positions (docs/kernels/spmm-int8.md).
#include "kernels/spmm_i8/avx512_lanes.h"

namespace secateur {
namespace {

using Sum = __m512i;
SCT_INLINE Sum start(int32_t v) { return _mm512_set1_epi32(v); }
SCT_INLINE I32 total(Sum s) { return s; }

// Independent sums of one strip, so that a narrow tile does not wait for its own dot products.
constexpr int sets_of(int mr, int v) {
  if (mr > 1) return mr * v >= 4 ? 1 : 2;
  return v >= 5 ? 1 : v >= 3 ? 2 : 4;
}

// A count that GCC cannot reckon with: else it turns each loop's into a last address, by a handful
// of instructions before and after, for loops of one to five turns (kernels/spmm/avx512_tile.h).
SCT_INLINE void hide(int64_t* count) { __asm__("" : "+r"(*count)); }

template <bool kFlip>
SCT_INLINE __m512i load_x(const char* p) {
  const __m512i x = _mm512_loadu_si512(p);
  return kFlip ? _mm512_xor_si512(x, _mm512_set1_epi32(static_cast<int>(0x80808080u))) : x;
}

template <int V, bool kFlip>
SCT_INLINE void multiply_row(const char* x, __m512i w, __m512i* acc) {
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) {
    acc[v] = _mm512_dpbusd_epi32(acc[v], load_x<kFlip>(x + 64 * v), w);
  }
}

template <class Stream>
SCT_INLINE const char* at(const Stream& in, int64_t block) {
  return in.x + place(in.codes[block], in.shift);
}

// Four blocks at a time: one load brings four blocks' weights to every 128-bit lane and an in-lane
// permute, which does not compete for the load ports, spreads each.
template <int V, bool kFlip, class Stream>
SCT_INLINE void multiply_blocks_of_row(const Stream& in, int64_t i, int64_t end, __m512i* acc) {
  constexpr int kSets = sets_of(1, V);
  __m512i t[kSets][V];
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) t[0][v] = acc[v];
#pragma GCC unroll 4
  for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) t[s][v] = _mm512_setzero_si512();
  }
  for (; i + 4 <= end; i += 4) {
    hide(&i);
    const __m512i w =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in.values + i)));
    multiply_row<V, kFlip>(at(in, i), _mm512_shuffle_epi32(w, _MM_PERM_AAAA), t[0]);
    multiply_row<V, kFlip>(at(in, i + 1), _mm512_shuffle_epi32(w, _MM_PERM_BBBB), t[1 % kSets]);
    multiply_row<V, kFlip>(at(in, i + 2), _mm512_shuffle_epi32(w, _MM_PERM_CCCC), t[2 % kSets]);
    multiply_row<V, kFlip>(at(in, i + 3), _mm512_shuffle_epi32(w, _MM_PERM_DDDD), t[3 % kSets]);
  }
  if (i + 2 <= end) {
    multiply_row<V, kFlip>(at(in, i), _mm512_set1_epi32(in.values[i]), t[0]);
    multiply_row<V, kFlip>(at(in, i + 1), _mm512_set1_epi32(in.values[i + 1]), t[1 % kSets]);
    i += 2;
  }
  if (i < end) multiply_row<V, kFlip>(at(in, i), _mm512_set1_epi32(in.values[i]), t[2 % kSets]);
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) {
    acc[v] = t[0][v];
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) acc[v] = _mm512_add_epi32(acc[v], t[s][v]);
  }
}

// One block of MR rows.
template <int MR, int V, bool kFlip>
SCT_INLINE void multiply_block(const char* x, const int32_t* values, __m512i (*acc)[V]) {
  __m512i in[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) in[v] = load_x<kFlip>(x + 64 * v);
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) {
    const __m512i w = _mm512_set1_epi32(values[m]);
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) acc[m][v] = _mm512_dpbusd_epi32(acc[m][v], in[v], w);
  }
}

template <int MR, int V, bool kFlip, class Stream>
SCT_INLINE void multiply_blocks(const Stream& in, int64_t i, int64_t end, __m512i (*acc)[V]) {
  constexpr int kSets = sets_of(MR, V);
  __m512i other[MR][V];
  if constexpr (kSets > 1) {
#pragma GCC unroll 4
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) other[m][v] = _mm512_setzero_si512();
    }
  }
  for (; i + kSets <= end; i += kSets) {
    multiply_block<MR, V, kFlip>(at(in, i), in.values + i * MR, acc);
    if constexpr (kSets > 1) {
      multiply_block<MR, V, kFlip>(at(in, i + 1), in.values + (i + 1) * MR, other);
    }
  }
  if constexpr (kSets > 1) {
    if (i < end) multiply_block<MR, V, kFlip>(at(in, i), in.values + i * MR, acc);
#pragma GCC unroll 4
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) acc[m][v] = _mm512_add_epi32(acc[m][v], other[m][v]);
    }
  }
}

// kFlip: x is signed in memory.
template <bool kFlip>
struct Form {
  template <int MR, int V, class Stream>
  SCT_INLINE static void multiply(const Stream& in, int64_t i, int64_t end, __m512i (*acc)[V]) {
    if constexpr (MR == 1) {
      multiply_blocks_of_row<V, kFlip>(in, i, end, acc[0]);
    } else {
      multiply_blocks<MR, V, kFlip>(in, i, end, acc);
    }
  }
};

// GCC's generic tuning keeps pointers that it spills in vector registers, where reading them back
// queues up behind the dot products (kernels/spmm/avx512_tile.h).
#if defined(__GNUC__) && !defined(__clang__)
#define SCT_TUNE __attribute__((target("tune=skylake-avx512")))
#else
#define SCT_TUNE
#endif
#define SCT_ROW_LOOP _Pragma("GCC unroll 2")

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/spmm_i8_body.h"

namespace secateur {

#define SCT_SPMM_I8_AVX512VNNI
#define SCT_SPMM_I8(isa, mr, nr)                                      \
  SCT_TUNE void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { \
    if (args.offset) {                                                \
      run_quads<mr, nr / kLanes, Form<false>>(args);                  \
    } else {                                                          \
      run_quads<mr, nr / kLanes, Form<true>>(args);                   \
    }                                                                 \
  }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
