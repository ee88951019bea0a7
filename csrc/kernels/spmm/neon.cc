// SpMM for Armv8-A Advanced SIMD: mr x nr/4 accumulators in v registers, weights multiplied by
// lane.
//
// Registers, mr = 1, nr = 96:  acc[24] | w (4 blocks' values) | x[4] in flight
//            mr = 4, nr = 24:  acc[4][6] | w (4 rows) | x in flight (7 left)
//            mr = 8, nr = 12:  acc[8][3] | w[2] | x[3]
// mr = 1 takes four blocks at a time: one load brings four values, one two offsets each for two
// registers, `fmla by element` spends no instruction on the broadcast, and activations come two
// vectors a load. Instructions per FMA, and cycles of the loop by llvm-mca-19 beside its bound:
//            A72 (-mcpu=cortex-a72)    A76 (-mcpu=neoverse-n1 -dispatch=8)
//   1x64     1.66    71 / 67 loads      38 / 33.5 loads     (4 blocks)
//   1x96     1.60   103 / 99 loads      54 / 49.5 loads     (4 blocks)
//   8x12     1.33  24.1 / 24 FMAs     12.1 / 12 FMAs        (1 block)
// Two blocks at a time at mr = 8 saves nothing: GCC then moves accumulators about.
// Cortex-A53 issues a 128-bit load over two cycles: for it 64-bit loads into halves, interleaved
// with the FMAs, would do better; not written yet.
#include <arm_neon.h>

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

#define SCT_INLINE inline __attribute__((always_inline))

struct Pair {
  float32x4_t a, b;
};

// Two vectors by one instruction. GCC pairs loads only by chance, hoists them and then spills
// accumulators (134 instructions for 64 FMAs in the 1x64 loop instead of 106). "Q" of an array of
// unknown bound says which memory is read, without an address register of its own.
template <int I>
SCT_INLINE Pair load_pair(const float* p) {
  Pair v;
  asm("ldp %q0, %q1, [%2, %3]"
      : "=w"(v.a), "=w"(v.b)
      : "r"(p), "i"(16 * I), "Q"(*reinterpret_cast<const float(*)[]>(p)));
  return v;
}

template <int I>
SCT_INLINE float32x4_t load_one(const float* p) {
  float32x4_t v;
  asm("ldr %q0, [%1, %2]"
      : "=w"(v)
      : "r"(p), "i"(16 * I), "Q"(*reinterpret_cast<const float(*)[]>(p)));
  return v;
}

// acc[m][i] += w[m] * p[4 i ...], i in [I, V), m in [0, MR); w starts at lane `lane`.
template <int MR, int I, int V>
SCT_INLINE void multiply_run(float32x4_t (*acc)[V], const float* p, const float32x4_t* w,
                             int lane) {
  if constexpr (I + 1 < V) {
    const Pair x = load_pair<I>(p);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
      acc[m][I] = fma_lane(acc[m][I], x.a, w[(lane + m) / 4], (lane + m) % 4);
    }
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
      acc[m][I + 1] = fma_lane(acc[m][I + 1], x.b, w[(lane + m) / 4], (lane + m) % 4);
    }
    multiply_run<MR, I + 2, V>(acc, p, w, lane);
  } else if constexpr (I < V) {
    const float32x4_t x = load_one<I>(p);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
      acc[m][I] = fma_lane(acc[m][I], x, w[(lane + m) / 4], (lane + m) % 4);
    }
  }
}

// What finish() needs of the arguments, in registers: y may alias them.
struct Clamp {
  bool low, high;
  float lo, hi;
};

SCT_INLINE Clamp clamp_of(const SpmmArgs& args) {
  // Plain ReLU has no upper bound: half of its clamp is left out.
  return {args.clamp, args.clamp && !(args.hi == __builtin_inff()), args.lo, args.hi};
}

template <int MR, int V>
SCT_INLINE void start(const SpmmArgs& args, int64_t row, const float* y, int64_t stride,
                      float32x4_t (*acc)[V]) {
  if (args.accumulate) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = vld1q_f32(y + m * stride + 4 * i);
    }
    return;
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const float32x4_t b = vdupq_n_f32(args.bias ? args.bias[row + m] : 0.0f);
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) acc[m][i] = b;
  }
  if (args.residual) {
    const float* r = args.residual + row * stride;
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) {
        acc[m][i] = vaddq_f32(acc[m][i], vld1q_f32(r + m * stride + 4 * i));
      }
    }
  }
}

template <int MR, int V>
SCT_INLINE void finish(const Clamp& clamp, float* y, int64_t stride, float32x4_t (*acc)[V]) {
  if (clamp.low) {
    const float32x4_t lo = vdupq_n_f32(clamp.lo);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
      for (int i = 0; i < V; i++) acc[m][i] = vmaxq_f32(lo, acc[m][i]);
    }
    if (clamp.high) {
      const float32x4_t hi = vdupq_n_f32(clamp.hi);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
        for (int i = 0; i < V; i++) acc[m][i] = vminq_f32(hi, acc[m][i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 24
    for (int i = 0; i < V; i++) vst1q_f32(y + m * stride + 4 * i, acc[m][i]);
  }
}

SCT_INLINE const float* at_byte(const char* x, int64_t offset) {
  return reinterpret_cast<const float*>(x + offset);
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
  const int32_t* offset = args.offsets + *indptr++;
  const float* value = args.values + (offset - args.offsets);
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
    const int32_t* const end = args.offsets + *indptr++;
    for (int64_t fours = (end - offset) >> 2; fours > 0; fours--, offset += 4, value += 4) {
      const float32x4_t w = vld1q_f32(value);
      int64_t two[2];  // two offsets a register, by one load
      __builtin_memcpy(two, offset, sizeof two);
      multiply_run<1, 0, V>(acc, at_byte(x, static_cast<int32_t>(two[0])), &w, 0);
      multiply_run<1, 0, V>(acc + 1 % kSets, at_byte(x, two[0] >> 32), &w, 1);
      multiply_run<1, 0, V>(acc + 2 % kSets, at_byte(x, static_cast<int32_t>(two[1])), &w, 2);
      multiply_run<1, 0, V>(acc + 3 % kSets, at_byte(x, two[1] >> 32), &w, 3);
    }
    for (; offset < end; offset++, value++) {
      const float32x4_t w = vld1q_dup_f32(value);
      multiply_run<1, 0, V>(acc, at_byte(x, *offset), &w, 0);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[0][i] = vaddq_f32(acc[0][i], acc[s][i]);
    }
    finish<1, V>(clamp, y, stride, acc);
  }
}

// The values of one block: mr lanes of v registers (2 rows twice in one).
template <int MR>
SCT_INLINE void load_values(const float* value, float32x4_t* w) {
  if constexpr (MR == 2) {
    asm("ld1r {%0.2d}, %1" : "=w"(w[0]) : "Q"(*reinterpret_cast<const float(*)[2]>(value)));
  } else if constexpr (MR == 4) {
    w[0] = load_one<0>(value);
  } else {
    const Pair pair = load_pair<0>(value);
    w[0] = pair.a;
    w[1] = pair.b;
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
    for (const int32_t* const end = args.offsets + *indptr++; offset < end; value += MR) {
      const float* in = at_byte(x, *offset++);
      float32x4_t w[MR / 8 + 1];
      load_values<MR>(value, w);
      multiply_run<MR, 0, V>(acc, in, w, 0);
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
