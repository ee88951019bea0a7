// Attention of bytes for Arm without dot products: umull of eight products, uadalp of their pairs,
// so that a query's sum is two u32 side by side. Four multiply-adds an instruction, as f32 has.
// Registers: 4 x 2 halves of sums | queries | weights.
#include "kernels/attention_i8/neon_quads.h"

namespace secateur {
namespace {

constexpr int kLanes = 4, kRows = 4, kVectors = 2;

using Bytes = uint8x16_t;
struct Sums {
  uint32x4_t lo, hi;  // queries 0 and 1, 2 and 3
};

inline Bytes load_bytes(const uint32_t* p) { return vreinterpretq_u8_u32(vld1q_u32(p)); }
inline Sums no_sums() { return {vdupq_n_u32(0), vdupq_n_u32(0)}; }
template <int i>
inline Sums add_dots(Sums sums, Bytes x, Quads w) {
  const uint32x2_t half = i < 2 ? vget_low_u32(w) : vget_high_u32(w);
  const uint8x8_t q = vreinterpret_u8_u32(vdup_lane_u32(half, i % 2));
  return {vpadalq_u16(sums.lo, vmull_u8(vget_low_u8(x), q)),
          vpadalq_u16(sums.hi, vmull_u8(vget_high_u8(x), q))};
}
inline void store_sums(int32_t* p, Sums s) {
  const uint32x2_t lo = vpadd_u32(vget_low_u32(s.lo), vget_high_u32(s.lo));
  const uint32x2_t hi = vpadd_u32(vget_low_u32(s.hi), vget_high_u32(s.hi));
  vst1q_s32(p, vreinterpretq_s32_u32(vcombine_u32(lo, hi)));
}

}  // namespace
}  // namespace secateur

#define SCT_ISA neon
#include "kernels/attention_i8/attention_i8_body.h"
