// 256 bytes are four tables of 64: what is beyond one stands until its own turn. (32-bit Arm has
// tables of 32, which eight turns would not make faster than one load each.)
#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstdint>

namespace secateur {
namespace {

void look_up(const uint8_t* x, uint8_t* y, int64_t bytes, const uint8_t* table) {
  const uint8x16x4_t t0 = vld1q_u8_x4(table), t1 = vld1q_u8_x4(table + 64);
  const uint8x16x4_t t2 = vld1q_u8_x4(table + 128), t3 = vld1q_u8_x4(table + 192);
  int64_t i = 0;
  for (; i + 16 <= bytes; i += 16) {
    const uint8x16_t v = vld1q_u8(x + i);
    uint8x16_t found = vqtbl4q_u8(t0, v);
    found = vqtbx4q_u8(found, t1, vsubq_u8(v, vdupq_n_u8(64)));
    found = vqtbx4q_u8(found, t2, vsubq_u8(v, vdupq_n_u8(128)));
    found = vqtbx4q_u8(found, t3, vsubq_u8(v, vdupq_n_u8(192)));
    vst1q_u8(y + i, found);
  }
  for (; i < bytes; i++) y[i] = table[x[i]];
}

}  // namespace
}  // namespace secateur

#define SCT_LOOK_UP
#endif
#define SCT_ISA neon
#include "kernels/codes/codes_body.h"
