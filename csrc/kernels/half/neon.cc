// FCVTL and FCVTN, which armv8-a has: four elements an instruction, in the default rounding mode,
// to the nearest with ties to even.
#include <arm_neon.h>

#include "kernels/half/half.h"

namespace secateur {
namespace {

void widen(const uint16_t* x, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const float16x8_t v = vreinterpretq_f16_u16(vld1q_u16(x + i));
    vst1q_f32(y + i, vcvt_f32_f16(vget_low_f16(v)));
    vst1q_f32(y + i + 4, vcvt_high_f32_f16(v));
  }
  for (; i < n; i++) {
    vst1q_lane_f32(y + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_dup_u16(x + i))), 0);
  }
}

void narrow(const float* x, uint16_t* y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const float16x4_t low = vcvt_f16_f32(vld1q_f32(x + i));
    vst1q_u16(y + i, vreinterpretq_u16_f16(vcvt_high_f16_f32(low, vld1q_f32(x + i + 4))));
  }
  for (; i < n; i++) {
    vst1_lane_u16(y + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_dup_f32(x + i))), 0);
  }
}

}  // namespace

namespace neon {
extern const HalfKernels half = {widen, narrow};
}

}  // namespace secateur
