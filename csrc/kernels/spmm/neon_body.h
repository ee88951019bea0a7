// SpMM for AArch64 over the vector interface, f32 or f16: mr x nr / kLanes accumulators in v
// registers, weights multiplied by lane. neon.cc and spmm_f16/neonfp16.cc include it, and say what
// it comes to.
//
// mr = 1 takes as many blocks at a time as a vector has lanes: one load brings their values, two
// registers four offsets, `fmla by element` spends no instruction on the broadcast, and activations
// come four vectors a load.
#pragma once

#include "kernels/spmm/neon_tile.h"

namespace secateur {
namespace {

SCT_INLINE int64_t next_offset(const int32_t*& p) {
  int64_t offset;
  asm("ldrsw %0, [%1], #4" : "=r"(offset), "+r"(p) : SCT_READS(p));
  return offset;
}

// mr > 1: acc[m][i] += w[m] * p[kLanes i ...], i in [I, V), m in [0, MR).
template <int MR, int I, int N, int V>
SCT_INLINE void multiply(Vec (*acc)[V], const Vec* x, const Vec* w) {
#pragma GCC unroll 4
  for (int i = 0; i < N; i++) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
      acc[m][I + i] = fma_lane(acc[m][I + i], x[i], w[m / kLanes], m % kLanes);
    }
  }
}

template <int MR, int I, int V>
SCT_INLINE void multiply_rows(Vec (*acc)[V], const Number* p, const Vec* w) {
  if constexpr (V - I == 3) {
    const VecThree x = load_three(p + kLanes * I);
    multiply<MR, I, 3, V>(acc, x.val, w);
  } else if constexpr (V - I >= 2) {
    Vec x[2];
    load_pair<I>(p, &x[0], &x[1]);
    multiply<MR, I, 2, V>(acc, x, w);
    multiply_rows<MR, I + 2, V>(acc, p, w);
  } else if constexpr (V - I == 1) {
    const Vec x = load_one<I>(p);
    multiply<MR, I, 1, V>(acc, &x, w);
  }
}

// mr = 1: acc[i] += w[Lane] * p[kLanes i ...], i in [I, V). One load brings four vectors, which
// costs the cores no more than two pairs do (benchmarks/arm/cores.py). Left to itself GCC loads
// ahead until sums spill, so a load and its four FMAs are one statement, through registers of their
// own; volatile, so that sums are not met again before their latency (1x36 of f32 on A76: 25 cycles
// otherwise instead of 22).
#define SCT_LOADED(n) "v" #n "." SCT_ARRANGED
#define SCT_FMLA(sum, n, w, lane) \
  "fmla %" #sum "." SCT_ARRANGED ", " SCT_LOADED(n) ", %" #w "." SCT_ELEMENT "[%" #lane "]\n\t"
template <int Lane, int I, int V>
SCT_INLINE void multiply_row(Vec* acc, const Number* p, Vec w) {
  if constexpr (V - I >= 4) {
    asm volatile("ld1 {" SCT_LOADED(28) " - " SCT_LOADED(31) "}, [%4], #64\n\t"  //
                 SCT_FMLA(0, 28, 5, 6) SCT_FMLA(1, 29, 5, 6) SCT_FMLA(2, 30, 5, 6)
                     SCT_FMLA(3, 31, 5, 6)
                 : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2]), "+&w"(acc[I + 3]), "+r"(p)
                 : SCT_BY_ELEMENT(w), "i"(Lane), SCT_READS(p)
                 : "v28", "v29", "v30", "v31");
    multiply_row<Lane, I + 4, V>(acc, p, w);
  } else if constexpr (V - I == 3) {
    asm volatile("ld1 {" SCT_LOADED(28) " - " SCT_LOADED(30) "}, [%3]\n\t"  //
                 SCT_FMLA(0, 28, 4, 5) SCT_FMLA(1, 29, 4, 5) SCT_FMLA(2, 30, 4, 5)
                 : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2])
                 : "r"(p), SCT_BY_ELEMENT(w), "i"(Lane), SCT_READS(p)
                 : "v28", "v29", "v30", "v31");
  } else if constexpr (V - I == 2) {
    asm volatile("ldp q28, q29, [%2]\n\t"  //
                 SCT_FMLA(0, 28, 3, 4) SCT_FMLA(1, 29, 3, 4)
                 : "+&w"(acc[I]), "+&w"(acc[I + 1])
                 : "r"(p), SCT_BY_ELEMENT(w), "i"(Lane), SCT_READS(p)
                 : "v28", "v29", "v30", "v31");
  } else if constexpr (V - I == 1) {
    asm volatile("ldr q28, [%1]\n\t"  //
                 SCT_FMLA(0, 28, 2, 3)
                 : "+&w"(acc[I])
                 : "r"(p), SCT_BY_ELEMENT(w), "i"(Lane), SCT_READS(p)
                 : "v28", "v29", "v30", "v31");
  }
}
#undef SCT_FMLA
#undef SCT_LOADED

// Four blocks, whose values are lanes Lane ... Lane + 3 of w.
template <int Lane, int V, int kSets>
SCT_INLINE void four_blocks(Vec (*acc)[V], const char* x, const int32_t*& offset, Vec w) {
  int64_t two[2];  // two offsets in each
  asm("ldp %0, %1, [%2], #16" : "=r"(two[0]), "=r"(two[1]), "+r"(offset) : SCT_READS(offset));
  multiply_row<Lane, 0, V>(acc[0], at_byte(x, static_cast<int32_t>(two[0])), w);
  multiply_row<Lane + 1, 0, V>(acc[1 % kSets], at_byte(x, two[0] >> 32), w);
  multiply_row<Lane + 2, 0, V>(acc[2 % kSets], at_byte(x, static_cast<int32_t>(two[1])), w);
  multiply_row<Lane + 3, 0, V>(acc[3 % kSets], at_byte(x, two[1] >> 32), w);
}

// mr = 1. Narrow tiles keep kSets independent sums, so as not to wait for the latency of their own
// FMAs (7 cycles on a Cortex-A72, 4 at two a cycle on an A76).
template <int V>
void spmm_csr(const Args& given) {
  constexpr int kSets = V >= 8 ? 1 : V >= 4 ? 2 : 4;
  const Args args = given;
  const Clamp clamp = clamp_of(args);
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t *indptr = args.indptr, *rows = args.rows;
  const int32_t* const rows_end = rows + args.strips;
  int64_t at = *indptr++;
  const int32_t* offset = args.offsets + at;
  const Number* value = args.values + at;
  while (rows < rows_end) {
    const int64_t row = *rows++;
    Number* y = args.y + row * stride;
    Vec acc[kSets][V];
    start<1, V>(args, row, y, stride, acc);
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[s][i] = zero();
    }
    const int64_t end = *indptr++;
    int64_t left = end - at;
    at = end;
    for (; left >= kLanes; left -= kLanes) {
      const Vec w = load_on<kLanes>(value);
      four_blocks<0, V, kSets>(acc, x, offset, w);
      if constexpr (kLanes == 8) four_blocks<4, V, kSets>(acc, x, offset, w);
    }
    if constexpr (kLanes == 8) {
      if (left & 4) four_blocks<0, V, kSets>(acc, x, offset, load_on<4>(value));
    }
    if (left & 2) {
      const Vec w = load_on<2>(value);
      int64_t two;
      asm("ldr %0, [%1], #8" : "=r"(two), "+r"(offset) : SCT_READS(offset));
      multiply_row<0, 0, V>(acc[0], at_byte(x, static_cast<int32_t>(two)), w);
      multiply_row<1, 0, V>(acc[1 % kSets], at_byte(x, two >> 32), w);
    }
    if (left & 1) {
      const Vec w = load_on<1>(value);
      multiply_row<0, 0, V>(acc[0], at_byte(x, next_offset(offset)), w);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[0][i] = add(acc[0][i], acc[s][i]);
    }
    finish<1, V>(args, clamp, row, y, stride, acc);
  }
}

template <int MR, int V>
void spmm_rows(const Args& given) {
  constexpr int kValues = (MR + kLanes - 1) / kLanes;  // vectors of a block's
  const Args args = given;
  const Clamp clamp = clamp_of(args);
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t *indptr = args.indptr, *rows = args.rows;
  const int32_t* const rows_end = rows + args.strips;
  const int32_t* offset = args.offsets + *indptr++;
  const Number* value = args.values + (offset - args.offsets) * MR;
  while (rows < rows_end) {
    const int64_t row = *rows++;
    Number* y = args.y + row * stride;
    Vec acc[MR][V];
    start<MR, V>(args, row, y, stride, acc);
    const int32_t* const end = args.offsets + *indptr++;
    while (offset < end) {
      Vec w[kValues];
      if constexpr (kValues == 2) {
        asm("ldp %q0, %q1, [%2], #32" : "=w"(w[0]), "=w"(w[1]), "+r"(value) : SCT_READS(value));
      } else {
        w[0] = load_on<MR>(value);
      }
      multiply_rows<MR, 0, V>(acc, at_byte(x, next_offset(offset)), w);
    }
    finish<MR, V>(args, clamp, row, y, stride, acc);
  }
}

template <int MR, int NR>
void spmm(const Args& args) {
  if constexpr (MR == 1) {
    spmm_csr<NR / kLanes>(args);
  } else {
    spmm_rows<MR, NR / kLanes>(args);
  }
}

}  // namespace
}  // namespace secateur
