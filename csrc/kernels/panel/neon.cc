// Panel packing for Armv8-A Advanced SIMD, elements of four bytes or two: 16 positions at a time
// between the first and the last that a run may read, lane by lane at those ends and where
// positions are not contiguous. 15 instructions per 16 contiguous positions of four bytes: bound by
// loads and stores, two vectors an instruction.
#include <arm_neon.h>

#include "kernels/panel/panel.h"

namespace secateur {
namespace {

// Vectors of elements as integers.
struct Words {
  static constexpr int kLanes = 4;
  static uint32x4_t load(const void* p) { return vld1q_u32(static_cast<const uint32_t*>(p)); }
  static void store(void* p, uint32x4_t v) { vst1q_u32(static_cast<uint32_t*>(p), v); }
  static uint32x4_t splat(uint32_t bits) { return vdupq_n_u32(bits); }
  static uint32x4_t select(uint32x4_t m, uint32x4_t yes, uint32x4_t no) {
    return vbslq_u32(m, yes, no);
  }
  static float element(uint32_t bits) { return vget_lane_f32(vcreate_f32(bits), 0); }
};
struct Halves {
  static constexpr int kLanes = 8;
  static uint16x8_t load(const void* p) { return vld1q_u16(static_cast<const uint16_t*>(p)); }
  static void store(void* p, uint16x8_t v) { vst1q_u16(static_cast<uint16_t*>(p), v); }
  static uint16x8_t splat(uint32_t bits) { return vdupq_n_u16(static_cast<uint16_t>(bits)); }
  static uint16x8_t select(uint16x8_t m, uint16x8_t yes, uint16x8_t no) {
    return vbslq_u16(m, yes, no);
  }
  static uint16_t element(uint32_t bits) { return static_cast<uint16_t>(bits); }
};

// 16 lanes at `q` of which only [first, last) may be read. Rare; inlined, it would take the loop
// over whole vectors apart.
template <typename Vectors, typename T, typename Mask>
__attribute__((noinline)) void copy_lanes(const PanelArgsOf<T, Mask>& args, const T* x,
                                          const Mask* mask, int64_t first, int64_t last, int64_t q,
                                          T* out) {
  const T fill = Vectors::element(args.fill);
  for (int64_t end = q + 16; q < end; q++) {
    const bool valid = q >= first && q < last && mask[q] != 0;
    *out++ = valid ? x[args.index ? args.index[q] : q] : fill;
  }
}

template <typename Vectors, typename T, typename Mask>
inline void pack(const PanelArgsOf<T, Mask>& given) {
  constexpr int kLanes = Vectors::kLanes, kVectors = 16 / kLanes;
  const PanelArgsOf<T, Mask> args = given;
  const int64_t begin = args.position, end = begin + (args.length + 15) / 16 * 16;
  const auto fill = Vectors::splat(args.fill);
  int64_t of_channel = args.first % args.tap_count;
  const T* channel = args.x + args.first / args.tap_count * args.channel_floats;
  for (int64_t i = 0; i < args.count; i++) {
    const PanelTap tap = args.taps[of_channel];
    const T* x = channel + tap.source;
    const Mask* mask = args.masks + tap.mask * args.mask_stride;
    if (++of_channel == args.tap_count) {
      of_channel = 0;
      channel += args.channel_floats;
    }
    T* out = args.panel + i * args.run_floats - begin;
    // The run's first and last valid positions, not only this tile's: all between them lie inside
    // the plane, when positions are contiguous, and may be read, valid or not. Rows past the
    // output's last may count as the run's, but have no mask.
    int64_t first = tap.begin;
    int64_t last = tap.end < args.mask_stride ? tap.end : args.mask_stride;
    while (first < last && mask[first] == 0) first++;
    while (last > first && mask[last - 1] == 0) last--;
    int64_t q = begin;
    const int64_t whole_from = args.index ? end : first;
    for (; q < end && q < whole_from; q += 16) {
      copy_lanes<Vectors>(given, x, mask, first, last, q, out + q);
    }
    const int64_t whole_end = (last < end ? last : end) - 16;
    for (; q <= whole_end; q += 16) {
      decltype(Vectors::splat(0)) v[kVectors];
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; j++) {
        v[j] = Vectors::select(Vectors::load(mask + q + kLanes * j),
                               Vectors::load(x + q + kLanes * j), fill);
      }
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; j++) Vectors::store(out + q + kLanes * j, v[j]);
    }
    for (; q < end; q += 16) copy_lanes<Vectors>(given, x, mask, first, last, q, out + q);
  }
}

}  // namespace

void panel_neon(const PanelArgs& args) { pack<Words>(args); }
#if defined(__aarch64__)
void panel_f16_neon(const PanelF16Args& args) { pack<Halves>(args); }
#endif

}  // namespace secateur
