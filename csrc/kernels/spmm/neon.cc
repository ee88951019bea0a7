// SpMM for Armv8-A Advanced SIMD: mr x nr/4 accumulators in v registers, weights multiplied by
// lane.
//
// Registers, mr = 1, nr = 96:  acc[24] | w (4 blocks' values) | x[4] in flight (v28 to v31)
//            mr = 4, nr = 24:  acc[4][6] | w (4 rows) | x in flight (7 left)
//            mr = 8, nr = 12:  acc[8][3] | w[2] | x[3]
// mr = 1 takes four blocks at a time: one load brings four values, one the four offsets, `fmla by
// element` spends no instruction on the broadcast, and activations come four vectors a load.
// Instructions per FMA, and cycles of the loop by llvm-mca-19 beside its bound:
//            A72 (-mcpu=cortex-a72)    A76 (-mcpu=neoverse-n1 -dispatch=8)
//   1x52     1.48    59 / 54 loads      33 / 27.5 loads     (4 blocks)
//   1x64     1.39    71 / 66 loads      35 / 33.5 loads     (4 blocks)
//   1x96     1.34   103 / 98 loads      51 / 49.5 loads     (4 blocks)
//   8x12     1.25  24.2 / 24 FMAs     12.2 / 12 FMAs        (1 block)
// Two blocks at a time at mr = 8 saves nothing: GCC then moves accumulators about.
// In-order cores, which issue a 128-bit load over two cycles, have neon_inorder.cc.
#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmm/neon_tile.h"
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

// Loads that move their pointer on. They are statements of assembly since GCC pairs loads and folds
// additions only by chance, hoists them, and then spills accumulators.

SCT_INLINE float32x4_t next_four_floats(const float*& p) {
  float32x4_t v;
  asm("ldr %q0, [%1], #16" : "=w"(v), "+r"(p) : SCT_READS(p));
  return v;
}

struct Pair {
  float32x4_t a, b;
};

template <int I>
SCT_INLINE Pair load_pair(const float* p) {
  Pair v;
  asm("ldp %q0, %q1, [%2, %3]" : "=w"(v.a), "=w"(v.b) : "r"(p), "i"(16 * I), SCT_READS(p));
  return v;
}

template <int I>
SCT_INLINE float32x4_t load_one(const float* p) {
  float32x4_t v;
  asm("ldr %q0, [%1, %2]" : "=w"(v) : "r"(p), "i"(16 * I), SCT_READS(p));
  return v;
}

// mr > 1: acc[m][i] += w[m] * p[4 i ...], i in [I, V), m in [0, MR).
template <int MR, int I, int N, int V>
SCT_INLINE void multiply(float32x4_t (*acc)[V], const float32x4_t* x, const float32x4_t* w) {
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) acc[m][I + i] = fma_lane(acc[m][I + i], x[i], w[m / 4], m % 4);
  }
}

template <int MR, int I, int V>
SCT_INLINE void multiply_rows(float32x4_t (*acc)[V], const float* p, const float32x4_t* w) {
  if constexpr (V - I == 3) {
    const float32x4x3_t x = simd::load_three(p + 4 * I);
    multiply<MR, I, 3, V>(acc, x.val, w);
  } else if constexpr (V - I >= 2) {
    const Pair x = load_pair<I>(p);
    const float32x4_t both[2] = {x.a, x.b};
    multiply<MR, I, 2, V>(acc, both, w);
    multiply_rows<MR, I + 2, V>(acc, p, w);
  } else if constexpr (V - I == 1) {
    const float32x4_t x = load_one<I>(p);
    multiply<MR, I, 1, V>(acc, &x, w);
  }
}

// mr = 1: acc[i] += w[Lane] * p[4 i ...], i in [I, V). One load brings four vectors, which costs
// the cores no more than two pairs do (benchmarks/arm/cores.py). Left to itself GCC loads ahead
// until sums spill, so a load and its four FMAs are one statement, through registers of their own;
// volatile, so that sums are not met again before their latency (1x36 on A76: 25 cycles otherwise
// instead of 22).
template <int Lane, int I, int V>
SCT_INLINE void multiply_row(float32x4_t* acc, const float* p, float32x4_t w) {
  if constexpr (V - I >= 4) {
    asm volatile(
        "ld1 {v28.4s - v31.4s}, [%4], #64\n\t"
        "fmla %0.4s, v28.4s, %5.s[%6]\n\t"
        "fmla %1.4s, v29.4s, %5.s[%6]\n\t"
        "fmla %2.4s, v30.4s, %5.s[%6]\n\t"
        "fmla %3.4s, v31.4s, %5.s[%6]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2]), "+&w"(acc[I + 3]), "+r"(p)
        : "w"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
    multiply_row<Lane, I + 4, V>(acc, p, w);
  } else if constexpr (V - I == 3) {
    asm volatile(
        "ld1 {v28.4s - v30.4s}, [%3]\n\t"
        "fmla %0.4s, v28.4s, %4.s[%5]\n\t"
        "fmla %1.4s, v29.4s, %4.s[%5]\n\t"
        "fmla %2.4s, v30.4s, %4.s[%5]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2])
        : "r"(p), "w"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
  } else if constexpr (V - I == 2) {
    asm volatile(
        "ldp q28, q29, [%2]\n\t"
        "fmla %0.4s, v28.4s, %3.s[%4]\n\t"
        "fmla %1.4s, v29.4s, %3.s[%4]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1])
        : "r"(p), "w"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
  } else if constexpr (V - I == 1) {
    asm volatile(
        "ldr q28, [%1]\n\t"
        "fmla %0.4s, v28.4s, %2.s[%3]"
        : "+&w"(acc[I])
        : "r"(p), "w"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
  }
}

SCT_INLINE int64_t next_offset(const int32_t*& p) {
  int64_t offset;
  asm("ldrsw %0, [%1], #4" : "=r"(offset), "+r"(p) : SCT_READS(p));
  return offset;
}

// mr = 1. Narrow tiles keep kSets independent sums, so as not to wait for the latency of their own
// FMAs (7 cycles on a Cortex-A72, 4 at two a cycle on an A76).
template <int V>
void spmm_csr(const SpmmArgs& given) {
  constexpr int kSets = V >= 8 ? 1 : V >= 4 ? 2 : 4;
  const SpmmArgs args = given;
  const Clamp clamp = clamp_of(args);
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t *indptr = args.indptr, *rows = args.rows;
  const int32_t* const rows_end = rows + args.strips;
  int64_t at = *indptr++;
  const int32_t* offset = args.offsets + at;
  const float* value = args.values + at;
  while (rows < rows_end) {
    const int64_t row = *rows++;
    float* y = args.y + row * stride;
    float32x4_t acc[kSets][V];
    start<1, V>(args, row, y, stride, acc);
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[s][i] = vdupq_n_f32(0.0f);
    }
    const int64_t end = *indptr++;
    int64_t left = end - at;
    at = end;
    for (; left >= 4; left -= 4) {
      const float32x4_t w = next_four_floats(value);
      int64_t two[2];  // two offsets in each
      asm("ldp %0, %1, [%2], #16" : "=r"(two[0]), "=r"(two[1]), "+r"(offset) : SCT_READS(offset));
      multiply_row<0, 0, V>(acc[0], at_byte(x, static_cast<int32_t>(two[0])), w);
      multiply_row<1, 0, V>(acc[1 % kSets], at_byte(x, two[0] >> 32), w);
      multiply_row<2, 0, V>(acc[2 % kSets], at_byte(x, static_cast<int32_t>(two[1])), w);
      multiply_row<3, 0, V>(acc[3 % kSets], at_byte(x, two[1] >> 32), w);
    }
    if (left & 2) {
      float32x4_t w;
      int64_t two;
      asm("ldr %d0, [%1], #8" : "=w"(w), "+r"(value) : SCT_READS(value));
      asm("ldr %0, [%1], #8" : "=r"(two), "+r"(offset) : SCT_READS(offset));
      multiply_row<0, 0, V>(acc[0], at_byte(x, static_cast<int32_t>(two)), w);
      multiply_row<1, 0, V>(acc[1 % kSets], at_byte(x, two >> 32), w);
    }
    if (left & 1) {
      float32x4_t w;
      asm("ldr %s0, [%1], #4" : "=w"(w), "+r"(value) : SCT_READS(value));
      multiply_row<0, 0, V>(acc[0], at_byte(x, next_offset(offset)), w);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[0][i] = vaddq_f32(acc[0][i], acc[s][i]);
    }
    finish<1, V>(clamp, y, stride, acc);
  }
}

// The values of one block: mr lanes of v registers.
template <int MR>
SCT_INLINE void next_values(const float*& value, float32x4_t* w) {
  if constexpr (MR == 2) {
    asm("ldr %d0, [%1], #8" : "=w"(w[0]), "+r"(value) : SCT_READS(value));
  } else if constexpr (MR == 4) {
    w[0] = next_four_floats(value);
  } else {
    asm("ldp %q0, %q1, [%2], #32" : "=w"(w[0]), "=w"(w[1]), "+r"(value) : SCT_READS(value));
  }
}

template <int MR, int V>
void spmm_rows(const SpmmArgs& given) {
  const SpmmArgs args = given;
  const Clamp clamp = clamp_of(args);
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t *indptr = args.indptr, *rows = args.rows;
  const int32_t* const rows_end = rows + args.strips;
  const int32_t* offset = args.offsets + *indptr++;
  const float* value = args.values + (offset - args.offsets) * MR;
  while (rows < rows_end) {
    const int64_t row = *rows++;
    float* y = args.y + row * stride;
    float32x4_t acc[MR][V];
    start<MR, V>(args, row, y, stride, acc);
    const int32_t* const end = args.offsets + *indptr++;
    while (offset < end) {
      float32x4_t w[MR / 8 + 1];
      next_values<MR>(value, w);
      multiply_rows<MR, 0, V>(acc, at_byte(x, next_offset(offset)), w);
    }
    finish<MR, V>(clamp, y, stride, acc);
  }
}

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  if constexpr (MR == 1) {
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
