// Attention of bytes for Armv8.2-A with dot products: udot by element.
// Registers: 8 x 2 sums | 2 of queries | 2 of quads.
#include "kernels/attention_i8/neon_quads.h"

namespace secateur {
namespace {

constexpr int kLanes = 4, kRows = 8, kVectors = 2;

using Bytes = uint8x16_t;
using Sums = uint32x4_t;

inline Bytes load_bytes(const uint32_t* p) { return vreinterpretq_u8_u32(vld1q_u32(p)); }
inline Sums no_sums() { return vdupq_n_u32(0); }
template <int i>
inline Sums add_dots(Sums sums, Bytes x, Quads w) {
  return vdotq_laneq_u32(sums, x, vreinterpretq_u8_u32(w), i);
}
inline void store_sums(int32_t* p, Sums sums) { vst1q_s32(p, vreinterpretq_s32_u32(sums)); }

}  // namespace
}  // namespace secateur

#define SCT_ISA neondot
#include "kernels/attention_i8/attention_i8_body.h"
