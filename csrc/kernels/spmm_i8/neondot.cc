// i8 SpMM for Armv8.2-A with dot products: `sdot by element` multiplies 4 positions' four channels
// by four weights of a block, so that one load brings four blocks' weights; the loop of f32 CSR
// (kernels/spmm/neon.cc) with four times the multiply-adds.
//
// Registers, mr = 1, nr = 64: sum[16] | w (4 blocks) | x[4] in flight (v28 to v31)
//            mr = 4, nr = 24: sum[4][6] | w (4 rows) | x in flight (7 left)
// Bound by: mr = 1, loads, as many as dot products; a Cortex-A76 starts two of each a cycle.
#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmm_i8/spmm_i8.h"

namespace secateur {
namespace {

using Sum = int32x4_t;
inline Sum start(int32_t v) { return vdupq_n_s32(v); }
inline int32x4_t total(Sum s) { return s; }

// Loads that move their pointer on, and loads with their products, are statements of assembly as in
// kernels/spmm/neon.cc.

SCT_INLINE int32x4_t next_four(const int32_t*& p) {
  int32x4_t v;
  asm("ldr %q0, [%1], #16" : "=w"(v), "+r"(p) : SCT_READS(p));
  return v;
}

// acc[i] += w[Lane] . p[4 i ...], i in [I, V): a load brings four vectors.
template <int Lane, int I, int V>
SCT_INLINE void multiply_row(int32x4_t* acc, const char* p, int32x4_t w) {
  if constexpr (V - I >= 4) {
    asm volatile(
        "ld1 {v28.16b - v31.16b}, [%4], #64\n\t"
        "sdot %0.4s, v28.16b, %5.4b[%6]\n\t"
        "sdot %1.4s, v29.16b, %5.4b[%6]\n\t"
        "sdot %2.4s, v30.16b, %5.4b[%6]\n\t"
        "sdot %3.4s, v31.16b, %5.4b[%6]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2]), "+&w"(acc[I + 3]), "+r"(p)
        : "w"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
    multiply_row<Lane, I + 4, V>(acc, p, w);
  } else if constexpr (V - I >= 2) {
    asm volatile(
        "ldp q28, q29, [%2]\n\t"
        "sdot %0.4s, v28.16b, %3.4b[%4]\n\t"
        "sdot %1.4s, v29.16b, %3.4b[%4]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1])
        : "r"(p), "w"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
    multiply_row<Lane, I + 2, V>(acc, p + 32, w);
  } else if constexpr (V - I == 1) {
    asm volatile(
        "ldr q28, [%1]\n\t"
        "sdot %0.4s, v28.16b, %2.4b[%3]"
        : "+&w"(acc[I])
        : "r"(p), "w"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
  }
}

// mr > 1: acc[m][i] += w[m] . x[i].
template <int MR, int V>
SCT_INLINE void multiply_block(int32x4_t (*acc)[V], const char* p, int32x4_t w) {
  const int8x16_t weights = vreinterpretq_s8_s32(w);
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) {
    const int8x16_t x = vld1q_s8(reinterpret_cast<const int8_t*>(p) + 16 * v);
    acc[0][v] = vdotq_laneq_s32(acc[0][v], x, weights, 0);
    acc[1][v] = vdotq_laneq_s32(acc[1][v], x, weights, 1);
    if constexpr (MR == 4) {
      acc[2][v] = vdotq_laneq_s32(acc[2][v], x, weights, 2);
      acc[3][v] = vdotq_laneq_s32(acc[3][v], x, weights, 3);
    }
  }
}

// Independent sums of one strip, so as not to wait for its own dot products (4 cycles on an A76, at
// two a cycle).
constexpr int sets_of(int v) { return v >= 8 ? 1 : v >= 4 ? 2 : 4; }

template <int V, class Stream>
SCT_INLINE void multiply_blocks_of_row(const Stream& in, int64_t i, int64_t end, int32x4_t* acc) {
  constexpr int kSets = sets_of(V);
  int32x4_t t[kSets][V];
#pragma GCC unroll 16
  for (int v = 0; v < V; v++) t[0][v] = acc[v];
#pragma GCC unroll 4
  for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
    for (int v = 0; v < V; v++) t[s][v] = vdupq_n_s32(0);
  }
  const char* x = in.x;
  const int32_t *offset = in.offsets + i, *value = in.values + i;
  int64_t left = end - i;
  for (; left >= 4; left -= 4) {
    const int32x4_t w = next_four(value);
    int64_t two[2];  // two offsets in each
    asm("ldp %0, %1, [%2], #16" : "=r"(two[0]), "=r"(two[1]), "+r"(offset) : SCT_READS(offset));
    multiply_row<0, 0, V>(t[0], x + static_cast<int32_t>(two[0]), w);
    multiply_row<1, 0, V>(t[1 % kSets], x + (two[0] >> 32), w);
    multiply_row<2, 0, V>(t[2 % kSets], x + static_cast<int32_t>(two[1]), w);
    multiply_row<3, 0, V>(t[3 % kSets], x + (two[1] >> 32), w);
  }
  if (left & 2) {
    int32x4_t w;
    int64_t two;
    asm("ldr %d0, [%1], #8" : "=w"(w), "+r"(value) : SCT_READS(value));
    asm("ldr %0, [%1], #8" : "=r"(two), "+r"(offset) : SCT_READS(offset));
    multiply_row<0, 0, V>(t[0], x + static_cast<int32_t>(two), w);
    multiply_row<1, 0, V>(t[1 % kSets], x + (two >> 32), w);
  }
  if (left & 1) {
    multiply_row<0, 0, V>(t[0], x + *offset, vdupq_n_s32(*value));
  }
#pragma GCC unroll 16
  for (int v = 0; v < V; v++) {
    acc[v] = t[0][v];
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) acc[v] = vaddq_s32(acc[v], t[s][v]);
  }
}

struct Form {
  template <int MR, int V, class Stream>
  SCT_INLINE static void multiply(const Stream& in, int64_t i, int64_t end, Sum (*acc)[V]) {
    if constexpr (MR == 1) {
      multiply_blocks_of_row<V>(in, i, end, acc[0]);
    } else {
      const int32_t *offset = in.offsets + i, *value = in.values + i * MR;
      for (const int32_t* const last = in.offsets + end; offset < last; offset++, value += MR) {
        int32x4_t w;
        if constexpr (MR == 4) {
          w = vld1q_s32(value);
        } else {
          w = vcombine_s32(vld1_s32(value), vdup_n_s32(0));
        }
        multiply_block<MR, V>(acc, in.x + *offset, w);
      }
    }
  }
};

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/neon_quads.h"

namespace secateur {

#define SCT_SPMM_I8_NEONDOT
#define SCT_SPMM_I8(isa, mr, nr) \
  void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { run_quads<mr, nr / 4, Form>(args); }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
