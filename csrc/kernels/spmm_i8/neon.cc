// i8 SpMM for Armv8-A without dot products: widening multiplies. Two products of bytes fit an i16
// (weights are at least -127), so two blocks are multiplied into the same i16 before these are
// added in pairs to i32; a position's sum is two i32 side by side.
//
// Two blocks and four positions: 2 smull, 2 smlal, 2 sadalp: 5.3 multiply-adds an instruction,
// where f32 has 4. It is for size: f32 stays ahead on sparse weights.
#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmm_i8/spmm_i8.h"

namespace secateur {
namespace {

struct Sum {
  int32x4_t lo, hi;  // positions 0 and 1, 2 and 3
};

inline Sum start(int32_t v) {
  const int32x4_t even = vreinterpretq_s32_s64(vdupq_n_s64(static_cast<uint32_t>(v)));
  return {even, even};
}
inline int32x4_t total(Sum s) { return vpaddq_s32(s.lo, s.hi); }

inline int8x16_t splat_weight(const int32_t* p) { return vreinterpretq_s8_s32(vld1q_dup_s32(p)); }

struct Form {
  template <int MR, int V, class Stream>
  inline __attribute__((always_inline)) static void multiply(const Stream& in, int64_t i,
                                                             int64_t end, Sum (*acc)[V]) {
    for (; i < end; i += 2) {
      // The last block of an odd number is multiplied with itself and a weight of zero.
      const bool two = i + 1 < end;
      const int8_t* x0 = reinterpret_cast<const int8_t*>(in.x + in.offsets[i]);
      const int8_t* x1 = reinterpret_cast<const int8_t*>(in.x + in.offsets[i + two]);
      int8x16_t w0[MR], w1[MR];
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) {
        w0[m] = splat_weight(in.values + i * MR + m);
        w1[m] = splat_weight(in.values + (i + two) * MR + m);
        if (!two) w1[m] = vdupq_n_s8(0);
      }
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) {
        const int8x16_t a = vld1q_s8(x0 + 16 * v), b = vld1q_s8(x1 + 16 * v);
#pragma GCC unroll 4
        for (int m = 0; m < MR; m++) {
          int16x8_t lo = vmull_s8(vget_low_s8(a), vget_low_s8(w0[m]));
          int16x8_t hi = vmull_high_s8(a, w0[m]);
          lo = vmlal_s8(lo, vget_low_s8(b), vget_low_s8(w1[m]));
          hi = vmlal_high_s8(hi, b, w1[m]);
          acc[m][v].lo = vpadalq_s16(acc[m][v].lo, lo);
          acc[m][v].hi = vpadalq_s16(acc[m][v].hi, hi);
        }
      }
    }
  }
};

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/neon_quads.h"

namespace secateur {

#define SCT_SPMM_I8_NEON
#define SCT_SPMM_I8(isa, mr, nr) \
  void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { run_quads<mr, nr / 4, Form>(args); }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
