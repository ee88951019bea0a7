// f16 SpMM for FEAT_FP16 (Cortex-A76 and later): mr x nr/8 accumulators in v registers, weights
// multiplied by lane.
//
// Registers, mr = 1, nr = 192: acc[24] | w (8 blocks' values) | x[4] in flight (v28 to v31)
//            mr = 4, nr = 32:  acc[4][4] | w | x in flight
//            mr = 8, nr = 24:  acc[8][3] | w | x[3]
// FMLA by element takes f16 weights from v0 to v15 alone: the constraint "x".
//
// As kernels/spmm/neon.cc, with eight blocks at a time at mr = 1: one load brings eight values, two
// the eight offsets. Instructions per FMA: 1x56 1.52, 1x104 1.43, 1x192 1.32. Bound by loads, two
// vectors a cycle, as there.
#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmm_f16/spmm_f16.h"

namespace secateur {
namespace {

using Vec = float16x8_t;

SCT_INLINE Vec load(const uint16_t* p) { return vreinterpretq_f16_u16(vld1q_u16(p)); }
SCT_INLINE void store(uint16_t* p, Vec v) { vst1q_u16(p, vreinterpretq_u16_f16(v)); }
SCT_INLINE Vec splat(uint16_t bits) { return vreinterpretq_f16_u16(vdupq_n_u16(bits)); }
SCT_INLINE const uint16_t* at_byte(const char* x, int64_t offset) {
  return reinterpret_cast<const uint16_t*>(x + offset);
}

// What finish() needs of the arguments, in registers: y may alias them.
struct Clamp {
  bool low, high;
  uint16_t lo, hi;
};

template <int MR, int V>
SCT_INLINE void start(const SpmmF16Args& args, int64_t row, const uint16_t* y, int64_t stride,
                      Vec (*acc)[V]) {
  if (args.accumulate) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = load(y + m * stride + 8 * i);
    }
    return;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const Vec b = splat(args.bias ? args.bias[row + m] : uint16_t{0});
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) acc[m][i] = b;
  }
}

// residual: of the strip, or null.
template <int MR, int V>
SCT_INLINE void finish(const Clamp& clamp, const uint16_t* residual, uint16_t* y, int64_t stride,
                       Vec (*acc)[V]) {
  if (residual) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) {
        acc[m][i] = vaddq_f16(acc[m][i], load(residual + m * stride + 8 * i));
      }
    }
  }
  if (clamp.low) {
    const Vec lo = splat(clamp.lo);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = vmaxq_f16(lo, acc[m][i]);
    }
    if (clamp.high) {
      const Vec hi = splat(clamp.hi);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
        for (int i = 0; i < V; i++) acc[m][i] = vminq_f16(hi, acc[m][i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) store(y + m * stride + 8 * i, acc[m][i]);
  }
}

// mr = 1: acc[i] += w[Lane] * p[8 i ...], i in [I, V). A load and its FMAs are one statement, as in
// kernels/spmm/neon.cc, which says why.
template <int Lane, int I, int V>
SCT_INLINE void multiply_row(Vec* acc, const uint16_t* p, Vec w) {
  if constexpr (V - I >= 4) {
    asm volatile(
        "ld1 {v28.8h - v31.8h}, [%4], #64\n\t"
        "fmla %0.8h, v28.8h, %5.h[%6]\n\t"
        "fmla %1.8h, v29.8h, %5.h[%6]\n\t"
        "fmla %2.8h, v30.8h, %5.h[%6]\n\t"
        "fmla %3.8h, v31.8h, %5.h[%6]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2]), "+&w"(acc[I + 3]), "+r"(p)
        : "x"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
    multiply_row<Lane, I + 4, V>(acc, p, w);
  } else if constexpr (V - I == 3) {
    asm volatile(
        "ld1 {v28.8h - v30.8h}, [%3]\n\t"
        "fmla %0.8h, v28.8h, %4.h[%5]\n\t"
        "fmla %1.8h, v29.8h, %4.h[%5]\n\t"
        "fmla %2.8h, v30.8h, %4.h[%5]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2])
        : "r"(p), "x"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
  } else if constexpr (V - I == 2) {
    asm volatile(
        "ldp q28, q29, [%2]\n\t"
        "fmla %0.8h, v28.8h, %3.h[%4]\n\t"
        "fmla %1.8h, v29.8h, %3.h[%4]"
        : "+&w"(acc[I]), "+&w"(acc[I + 1])
        : "r"(p), "x"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
  } else if constexpr (V - I == 1) {
    asm volatile(
        "ldr q28, [%1]\n\t"
        "fmla %0.8h, v28.8h, %2.h[%3]"
        : "+&w"(acc[I])
        : "r"(p), "x"(w), "i"(Lane), SCT_READS(p)
        : "v28", "v29", "v30", "v31");
  }
}

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

SCT_INLINE int64_t next_offset(const int32_t*& p) {
  int64_t offset;
  asm("ldrsw %0, [%1], #4" : "=r"(offset), "+r"(p) : SCT_READS(p));
  return offset;
}

// mr = 1. Narrow tiles keep kSets independent sums, so as not to wait for the latency of their own
// FMAs (4 cycles at two a cycle).
template <int V>
void spmm_csr(const SpmmF16Args& given) {
  constexpr int kSets = V >= 8 ? 1 : V >= 4 ? 2 : 4;
  const SpmmF16Args args = given;
  const Clamp clamp = {args.clamp, args.clamp && args.hi != 0x7c00, args.lo, args.hi};
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t *indptr = args.indptr, *rows = args.rows;
  const int32_t* const rows_end = rows + args.strips;
  int64_t at = *indptr++;
  const int32_t* offset = args.offsets + at;
  const uint16_t* value = args.values + at;
  while (rows < rows_end) {
    const int64_t row = *rows++;
    uint16_t* y = args.y + row * stride;
    Vec acc[kSets][V];
    start<1, V>(args, row, y, stride, acc);
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[s][i] = splat(0);
    }
    const int64_t end = *indptr++;
    int64_t left = end - at;
    at = end;
    for (; left >= 8; left -= 8) {
      Vec w;
      asm("ldr %q0, [%1], #16" : "=w"(w), "+r"(value) : SCT_READS(value));
      four_blocks<0, V, kSets>(acc, x, offset, w);
      four_blocks<4, V, kSets>(acc, x, offset, w);
    }
    if (left & 4) {
      Vec w;
      asm("ldr %d0, [%1], #8" : "=w"(w), "+r"(value) : SCT_READS(value));
      four_blocks<0, V, kSets>(acc, x, offset, w);
    }
    if (left & 2) {
      Vec w;
      int64_t two;
      asm("ldr %s0, [%1], #4" : "=w"(w), "+r"(value) : SCT_READS(value));
      asm("ldr %0, [%1], #8" : "=r"(two), "+r"(offset) : SCT_READS(offset));
      multiply_row<0, 0, V>(acc[0], at_byte(x, static_cast<int32_t>(two)), w);
      multiply_row<1, 0, V>(acc[1 % kSets], at_byte(x, two >> 32), w);
    }
    if (left & 1) {
      Vec w;
      asm("ldr %h0, [%1], #2" : "=w"(w), "+r"(value) : SCT_READS(value));
      multiply_row<0, 0, V>(acc[0], at_byte(x, next_offset(offset)), w);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[0][i] = vaddq_f16(acc[0][i], acc[s][i]);
    }
    finish<1, V>(clamp, args.residual ? args.residual + row * stride : nullptr, y, stride, acc);
  }
}

// acc + v * w[lane]; `lane` is a constant after unrolling.
SCT_INLINE Vec fma_lane(Vec acc, Vec v, Vec w, int lane) {
  switch (lane) {
    case 0:
      return vfmaq_laneq_f16(acc, v, w, 0);
    case 1:
      return vfmaq_laneq_f16(acc, v, w, 1);
    case 2:
      return vfmaq_laneq_f16(acc, v, w, 2);
    case 3:
      return vfmaq_laneq_f16(acc, v, w, 3);
    case 4:
      return vfmaq_laneq_f16(acc, v, w, 4);
    case 5:
      return vfmaq_laneq_f16(acc, v, w, 5);
    case 6:
      return vfmaq_laneq_f16(acc, v, w, 6);
    default:
      return vfmaq_laneq_f16(acc, v, w, 7);
  }
}

// mr > 1: acc[m][i] += w[m] * p[8 i ...], two vectors of x at a time.
template <int MR, int I, int V>
SCT_INLINE void multiply_rows(Vec (*acc)[V], const uint16_t* p, Vec w) {
  if constexpr (I < V) {
    constexpr int kVectors = V - I >= 2 ? 2 : 1;
    Vec x[kVectors];
    if constexpr (kVectors == 2) {
      asm("ldp %q0, %q1, [%2, %3]" : "=w"(x[0]), "=w"(x[1]) : "r"(p), "i"(16 * I), SCT_READS(p));
    } else {
      asm("ldr %q0, [%1, %2]" : "=w"(x[0]) : "r"(p), "i"(16 * I), SCT_READS(p));
    }
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; i++) {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) acc[m][I + i] = fma_lane(acc[m][I + i], x[i], w, m);
    }
    multiply_rows<MR, I + kVectors, V>(acc, p, w);
  }
}

// The values of one block.
template <int MR>
SCT_INLINE Vec next_values(const uint16_t*& value) {
  Vec w;
  if constexpr (MR == 2) {
    asm("ldr %s0, [%1], #4" : "=w"(w), "+r"(value) : SCT_READS(value));
  } else if constexpr (MR == 4) {
    asm("ldr %d0, [%1], #8" : "=w"(w), "+r"(value) : SCT_READS(value));
  } else {
    asm("ldr %q0, [%1], #16" : "=w"(w), "+r"(value) : SCT_READS(value));
  }
  return w;
}

template <int MR, int V>
void spmm_rows(const SpmmF16Args& given) {
  const SpmmF16Args args = given;
  const Clamp clamp = {args.clamp, args.clamp && args.hi != 0x7c00, args.lo, args.hi};
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t *indptr = args.indptr, *rows = args.rows;
  const int32_t* const rows_end = rows + args.strips;
  const int32_t* offset = args.offsets + *indptr++;
  const uint16_t* value = args.values + (offset - args.offsets) * MR;
  while (rows < rows_end) {
    const int64_t row = *rows++;
    uint16_t* y = args.y + row * stride;
    Vec acc[MR][V];
    start<MR, V>(args, row, y, stride, acc);
    const int32_t* const end = args.offsets + *indptr++;
    while (offset < end) {
      const Vec w = next_values<MR>(value);
      multiply_rows<MR, 0, V>(acc, at_byte(x, next_offset(offset)), w);
    }
    finish<MR, V>(clamp, args.residual ? args.residual + row * stride : nullptr, y, stride, acc);
  }
}

template <int MR, int NR>
void spmm(const SpmmF16Args& args) {
  if constexpr (MR == 1) {
    spmm_csr<NR / 8>(args);
  } else {
    spmm_rows<MR, NR / 8>(args);
  }
}

}  // namespace

#define SCT_SPMM_NEONFP16
#define SCT_SPMM_F16(isa, mr, nr) \
  void spmm_f16_##isa##_##mr##x##nr(const SpmmF16Args& args) { spmm<mr, nr>(args); }
#include "kernels/spmm_f16/kernels.inc"
#undef SCT_SPMM_F16

}  // namespace secateur
