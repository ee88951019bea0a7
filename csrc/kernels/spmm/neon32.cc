// SpMM for 32-bit Arm: NEON with the fused multiply-adds of VFPv4 (Cortex-A7 and what came after
// it). spmm.h has the equation; layouts and the order of sums are those of neon.cc.
//
// Sixteen registers, and no multiplication by element that is fused: a weight is loaded into all
// lanes. q12 to q15 hold activations in flight, four by one `vldm`.
//
// Registers, mr = 1, nr = 40:  acc[10] | w | x[4]
//            mr = 4, nr = 12:  acc[4][3] | w | x[3]
//            mr = 8, nr = 4:   acc[8] | w[2] | x
// Instructions per FMA: 1x40 1.9 (neon.cc: 1x52 1.5).
#include "kernels/simd/neon.h"
#include "kernels/spmm/neon_tile.h"
#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

SCT_INLINE float32x4_t splat_next(const float*& p) { return vld1q_dup_f32(p++); }

// acc[i] += w * p[4 i ...], i in [I, V). A load and its FMAs are one statement, through registers
// of their own: left to itself the compiler loads ahead until sums spill.
template <int I, int V>
SCT_INLINE void multiply_row(float32x4_t* acc, const float* p, float32x4_t w) {
  if constexpr (V - I >= 4) {
    asm volatile(
        "vldmia %4!, {d24-d31}\n\t"
        "vfma.f32 %q0, q12, %q5\n\t"
        "vfma.f32 %q1, q13, %q5\n\t"
        "vfma.f32 %q2, q14, %q5\n\t"
        "vfma.f32 %q3, q15, %q5"
        : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+&w"(acc[I + 2]), "+&w"(acc[I + 3]), "+r"(p)
        : "w"(w)
        : "q12", "q13", "q14", "q15", "memory");
    multiply_row<I + 4, V>(acc, p, w);
  } else if constexpr (V - I >= 2) {
    asm volatile(
        "vldmia %2!, {d24-d27}\n\t"
        "vfma.f32 %q0, q12, %q3\n\t"
        "vfma.f32 %q1, q13, %q3"
        : "+&w"(acc[I]), "+&w"(acc[I + 1]), "+r"(p)
        : "w"(w)
        : "q12", "q13", "memory");
    multiply_row<I + 2, V>(acc, p, w);
  } else if constexpr (V - I == 1) {
    acc[I] = vfmaq_f32(acc[I], vld1q_f32(p), w);
  }
}

// mr = 1. Narrow tiles keep two independent sums, so as not to wait for their own FMAs.
template <int V>
void spmm_csr(const SpmmArgs& given) {
  constexpr int kSets = V >= 6 ? 1 : 2;
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
    if constexpr (kSets == 2) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[1][i] = vdupq_n_f32(0.0f);
    }
    const int32_t* const end = args.offsets + *indptr++;
    for (; end - offset >= 2; offset += 2) {
      multiply_row<0, V>(acc[0], at_byte(x, offset[0]), splat_next(value));
      multiply_row<0, V>(acc[kSets - 1], at_byte(x, offset[1]), splat_next(value));
    }
    if (offset < end) multiply_row<0, V>(acc[0], at_byte(x, *offset++), splat_next(value));
    if constexpr (kSets == 2) {
#pragma GCC unroll 16
      for (int i = 0; i < V; i++) acc[0][i] = vaddq_f32(acc[0][i], acc[1][i]);
    }
    finish<1, V>(args, clamp, row, y, stride, acc);
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
      const float* p = at_byte(x, *offset++);
      float32x4_t in[V];
#pragma GCC unroll 8
      for (int i = 0; i < V; i++) in[i] = vld1q_f32(p + 4 * i);
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const float32x4_t w = splat_next(value);
#pragma GCC unroll 8
        for (int i = 0; i < V; i++) acc[m][i] = vfmaq_f32(acc[m][i], in[i], w);
      }
    }
    finish<MR, V>(args, clamp, row, y, stride, acc);
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

#define SCT_SPMM_NEON32
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
