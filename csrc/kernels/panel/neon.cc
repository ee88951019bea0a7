// Panel packing for Armv8-A Advanced SIMD: 16 positions at a time between the first and the last
// that a run may read, lane by lane at those ends and where positions are not contiguous. 15
// instructions per 16 contiguous positions: bound by loads and stores, two vectors an instruction.
#include <arm_neon.h>

#include "kernels/panel/panel.h"

namespace secateur {
namespace {

// 16 lanes at `q` of which only [first, last) may be read. Rare; inlined, it would take the loop
// over whole vectors apart.
__attribute__((noinline)) void copy_lanes(const PanelArgs& args, const float* x,
                                          const int32_t* mask, int64_t first, int64_t last,
                                          int64_t q, float* out) {
  const float fill = vget_lane_f32(vcreate_f32(args.fill), 0);
  for (int64_t end = q + 16; q < end; q++) {
    const bool valid = q >= first && q < last && mask[q] != 0;
    *out++ = valid ? x[args.index ? args.index[q] : q] : fill;
  }
}

}  // namespace

void panel_neon(const PanelArgs& given) {
  const PanelArgs args = given;
  const int64_t begin = args.position, end = begin + (args.length + 15) / 16 * 16;
  const uint32x4_t fill = vdupq_n_u32(args.fill);
  int64_t of_channel = args.first % args.tap_count;
  const float* channel = args.x + args.first / args.tap_count * args.channel_floats;
  for (int64_t i = 0; i < args.count; i++) {
    const PanelTap tap = args.taps[of_channel];
    const float* x = channel + tap.source;
    const int32_t* mask = args.masks + tap.mask * args.mask_stride;
    if (++of_channel == args.tap_count) {
      of_channel = 0;
      channel += args.channel_floats;
    }
    float* out = args.panel + i * args.run_floats - begin;
    // The run's first and last valid positions, not only this tile's: all between them lie inside
    // the plane, when positions are contiguous, and may be read, valid or not. Rows past the
    // output's last may count as the run's, but have no mask.
    int64_t first = tap.begin;
    int64_t last = tap.end < args.mask_stride ? tap.end : args.mask_stride;
    while (first < last && mask[first] == 0) first++;
    while (last > first && mask[last - 1] == 0) last--;
    int64_t q = begin;
    const int64_t whole_from = args.index ? end : first;
    for (; q < end && q < whole_from; q += 16) copy_lanes(given, x, mask, first, last, q, out + q);
    const int64_t whole_end = (last < end ? last : end) - 16;
    for (; q <= whole_end; q += 16) {
      const uint32_t* in = reinterpret_cast<const uint32_t*>(x + q);
      const uint32_t* keep = reinterpret_cast<const uint32_t*>(mask + q);
      uint32_t* to = reinterpret_cast<uint32_t*>(out + q);
      uint32x4_t v[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        v[j] = vbslq_u32(vld1q_u32(keep + 4 * j), vld1q_u32(in + 4 * j), fill);
      }
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) vst1q_u32(to + 4 * j, v[j]);
    }
    for (; q < end; q += 16) copy_lanes(given, x, mask, first, last, q, out + q);
  }
}

}  // namespace secateur
