// Depthwise convolution of i8 for Armv8-A without dot products: products of bytes in i16, added in
// pairs to i32. Two taps' products fit an i16, since weights are at least -127, so that two groups
// are multiplied into the same one: 3x3 takes 10 instructions an output of four channels.
#include "kernels/depthwise_i8/neon_outputs.h"

namespace secateur {
namespace {

struct Sum {
  int32x4_t lo, hi;  // channels 0 and 1, 2 and 3, each two halves
};

inline Sum start(const int32_t* bias) {
  const int32x4_t b = vld1q_s32(bias), none = vdupq_n_s32(0);
  return {vzip1q_s32(b, none), vzip2q_s32(b, none)};
}
inline I32 total(Sum s) { return vpaddq_s32(s.lo, s.hi); }
inline Sum add(Sum s, const int8_t* p, Weight w) {
  const int8x16_t x = vld1q_s8(p);
  s.lo = vpadalq_s16(s.lo, vmull_s8(vget_low_s8(x), vget_low_s8(w)));
  s.hi = vpadalq_s16(s.hi, vmull_high_s8(x, w));
  return s;
}

}  // namespace
}  // namespace secateur

#include "kernels/depthwise_i8/depthwise_i8_body.h"

namespace secateur::neon {
extern const DepthwiseI8Kernel depthwise_i8 = {Isa::neon, "neon", band, group, nullptr};
}  // namespace secateur::neon
