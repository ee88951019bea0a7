// Panel packing of f16 for AArch64: 16 positions at a time between the first and the last that a
// run may read, lane by lane at those ends and where positions are not contiguous. As neon.cc, with
// half the vectors; padding is 0, so that a mask is an AND.
#include <arm_neon.h>

#include "kernels/panel/panel.h"

namespace secateur {
namespace {

// 16 lanes at `q` of which only [first, last) may be read.
__attribute__((noinline)) void copy_lanes(const PanelF16Args& args, const uint16_t* x,
                                          const int16_t* mask, int64_t first, int64_t last,
                                          int64_t q, uint16_t* out) {
  for (int64_t end = q + 16; q < end; q++) {
    const bool valid = q >= first && q < last && mask[q] != 0;
    *out++ = valid ? x[args.index ? args.index[q] : q] : uint16_t{0};
  }
}

}  // namespace

void panel_f16_neon(const PanelF16Args& given) {
  const PanelF16Args args = given;
  const int64_t begin = args.position, end = begin + (args.length + 15) / 16 * 16;
  int64_t of_channel = args.first % args.tap_count;
  const uint16_t* channel = args.x + args.first / args.tap_count * args.channel_floats;
  for (int64_t i = 0; i < args.count; i++) {
    const PanelTap tap = args.taps[of_channel];
    const uint16_t* x = channel + tap.source;
    const int16_t* mask = args.masks + tap.mask * args.mask_stride;
    if (++of_channel == args.tap_count) {
      of_channel = 0;
      channel += args.channel_floats;
    }
    uint16_t* out = args.panel + i * args.run_floats - begin;
    // The run's first and last valid positions: all between them lie inside the plane, when
    // positions are contiguous (neon.cc).
    int64_t first = tap.begin;
    int64_t last = tap.end < args.mask_stride ? tap.end : args.mask_stride;
    while (first < last && mask[first] == 0) first++;
    while (last > first && mask[last - 1] == 0) last--;
    int64_t q = begin;
    const int64_t whole_from = args.index ? end : first;
    for (; q < end && q < whole_from; q += 16) copy_lanes(given, x, mask, first, last, q, out + q);
    const int64_t whole_end = (last < end ? last : end) - 16;
    for (; q <= whole_end; q += 16) {
      const auto* keep = reinterpret_cast<const uint16_t*>(mask + q);
      const uint16x8_t a = vandq_u16(vld1q_u16(keep), vld1q_u16(x + q));
      const uint16x8_t b = vandq_u16(vld1q_u16(keep + 8), vld1q_u16(x + q + 8));
      vst1q_u16(out + q, a);
      vst1q_u16(out + q + 8, b);
    }
    for (; q < end; q += 16) copy_lanes(given, x, mask, first, last, q, out + q);
  }
}

}  // namespace secateur
