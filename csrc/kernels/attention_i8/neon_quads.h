// What attention of bytes takes of every Arm with NEON.
#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace secateur {
namespace {

constexpr uint32_t kFlip = 0x80808080u;  // dot products are of unsigned bytes

using Quads = uint32x4_t;
inline Quads load_quads(const uint32_t* p) { return vld1q_u32(p); }

inline void turned(const uint32_t* x, uint32_t* y) {
  // Four vectors' bytes go to four: two rounds of even and odd.
  const uint8x16_t four = vreinterpretq_u8_u32(vld1q_u32(x));
  const uint8x8x2_t once = vuzp_u8(vget_low_u8(four), vget_high_u8(four));  // 0 2 of each | 1 3
  const uint8x8x2_t even = vuzp_u8(once.val[0], once.val[0]),
                    odd = vuzp_u8(once.val[1], once.val[1]);
  const uint32_t channel[4] = {vget_lane_u32(vreinterpret_u32_u8(even.val[0]), 0),
                               vget_lane_u32(vreinterpret_u32_u8(odd.val[0]), 0),
                               vget_lane_u32(vreinterpret_u32_u8(even.val[1]), 0),
                               vget_lane_u32(vreinterpret_u32_u8(odd.val[1]), 0)};
  for (int c = 0; c < 4; c++) y[c] = channel[c];
}

}  // namespace
}  // namespace secateur
