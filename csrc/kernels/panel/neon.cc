// Panel packing for Armv8-A Advanced SIMD, elements of four bytes or two: 16 positions at a time
// between the first and the last that a run may read, a vector at a time where they are contiguous
// or every second, third or fourth, lane by lane at the ends and where a row of the output ends
// within a vector. 15 instructions per 16 contiguous positions of four bytes: bound by loads and
// stores, two vectors an instruction.
#include <arm_neon.h>

#include "kernels/panel/panel.h"
#include "kernels/panel/step.h"

namespace secateur {
namespace {

// Positions whose steps are held while the runs that share them are copied.
constexpr int64_t kPart = 512;

// Vectors of elements as integers.
struct Words {
  static constexpr int kLanes = 4;
  static uint32x4_t load(const void* p) { return vld1q_u32(static_cast<const uint32_t*>(p)); }
  template <int kStep>
  static uint32x4_t spaced(const void* p) {
    const auto* words = static_cast<const uint32_t*>(p);
    if constexpr (kStep == 1) return vld1q_u32(words);
    if constexpr (kStep == 2) return vld2q_u32(words).val[0];
    if constexpr (kStep == 3) return vld3q_u32(words).val[0];
    if constexpr (kStep == 4) return vld4q_u32(words).val[0];
  }
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
  template <int kStep>
  static uint16x8_t spaced(const void* p) {
    const auto* halves = static_cast<const uint16_t*>(p);
    if constexpr (kStep == 1) return vld1q_u16(halves);
    if constexpr (kStep == 2) return vld2q_u16(halves).val[0];
    if constexpr (kStep == 3) return vld3q_u16(halves).val[0];
    if constexpr (kStep == 4) return vld4q_u16(halves).val[0];
  }
  static void store(void* p, uint16x8_t v) { vst1q_u16(static_cast<uint16_t*>(p), v); }
  static uint16x8_t splat(uint32_t bits) { return vdupq_n_u16(static_cast<uint16_t>(bits)); }
  static uint16x8_t select(uint16x8_t m, uint16x8_t yes, uint16x8_t no) {
    return vbslq_u16(m, yes, no);
  }
  static uint16_t element(uint32_t bits) { return static_cast<uint16_t>(bits); }
};

// [q, end) of a run, of which only [first, last) may be read, to `out`. Rare, or of a few lanes;
// inlined, it would take the loop over whole vectors apart.
template <typename Vectors, typename T, typename Mask>
__attribute__((noinline)) void copy_lanes(const PanelArgsOf<T, Mask>& args, const T* x,
                                          const Mask* mask, int64_t first, int64_t last, int64_t q,
                                          int64_t end, T* out) {
  const T fill = Vectors::element(args.fill);
  for (; q < end; q++) {
    const bool valid = q >= first && q < last && mask[q] != 0;
    *out++ = valid ? x[args.index ? args.index[q] : q] : fill;
  }
}

// Whole vectors one after the other, in each of which positions are `step` apart in the input; 0:
// of which some are not. From the first lane to the last they never go back.
struct Stretch {
  int64_t begin, end;
  int step;
};

// What a part consists of; how many stretches.
template <int kLanes>
int stretches_of(const int32_t* index, int64_t begin, int64_t end, Stretch* stretches) {
  int count = 0;
  for (int64_t q = begin; q < end; q += kLanes) {
    const int step = even_step(index + q, kLanes, 4);
    const bool goes_on =
        count > 0 && stretches[count - 1].step == step && (step == 0 || index[q] >= index[q - 1]);
    if (!goes_on) stretches[count++] = {q, q, step};
    stretches[count - 1].end = q + kLanes;
  }
  return count;
}

// [begin, end) of a stretch to `out`, all of it valid but for the columns that the mask tells.
template <typename Vectors, int kStep, typename T, typename Mask>
inline void copy_spaced(const PanelArgsOf<T, Mask>& args, const T* x, const Mask* mask,
                        int64_t begin, int64_t end, T* out) {
  const auto fill = Vectors::splat(args.fill);
  const int32_t* index = args.index;
  for (int64_t q = begin; q < end; q += Vectors::kLanes, out += Vectors::kLanes) {
    const auto v = Vectors::template spaced<kStep>(x + index[q]);
    Vectors::store(out, Vectors::select(Vectors::load(mask + q), v, fill));
  }
}

// One run with an index. A vector of a step reads what lies between its positions, too, and up to
// three elements behind its last: those that end behind what `last - 1` reads go lane by lane.
template <typename Vectors, typename T, typename Mask>
inline void copy_indexed(const PanelArgsOf<T, Mask>& args, const Stretch* stretches, int count,
                         const T* x, const Mask* mask, int64_t first, int64_t last, T* out) {
  constexpr int kLanes = Vectors::kLanes;
  for (int i = 0; i < count; i++) {
    const Stretch& all = stretches[i];
    int64_t begin = all.begin, end = all.end;
    if (all.step > 0 && first < last) {
      while (begin < end && begin < first) begin += kLanes;
      while (end > begin &&
             (end > last || args.index[end - 1] + all.step - 1 > args.index[last - 1])) {
        end -= kLanes;
      }
      if (begin < end && args.index[begin] < args.index[first]) begin = end;
    } else {
      begin = end;
    }
    if (all.begin < begin) {
      copy_lanes<Vectors>(args, x, mask, first, last, all.begin, begin, out + all.begin);
    }
    if (all.step == 1) copy_spaced<Vectors, 1>(args, x, mask, begin, end, out + begin);
    if (all.step == 2) copy_spaced<Vectors, 2>(args, x, mask, begin, end, out + begin);
    if (all.step == 3) copy_spaced<Vectors, 3>(args, x, mask, begin, end, out + begin);
    if (all.step == 4) copy_spaced<Vectors, 4>(args, x, mask, begin, end, out + begin);
    if (end < all.end) {
      copy_lanes<Vectors>(args, x, mask, first, last, end, all.end, out + end);
    }
  }
}

template <typename Vectors, typename T, typename Mask>
inline void pack_part(const PanelArgsOf<T, Mask>& given) {
  constexpr int kLanes = Vectors::kLanes, kVectors = 16 / kLanes;
  const PanelArgsOf<T, Mask> args = given;
  const int64_t begin = args.position, end = begin + (args.length + 15) / 16 * 16;
  const auto fill = Vectors::splat(args.fill);
  Stretch stretches[kPart / kLanes];
  const int count = args.index ? stretches_of<kLanes>(args.index, begin, end, stretches) : 0;
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
    if (args.index) {
      copy_indexed<Vectors>(given, stretches, count, x, mask, first, last, out);
      continue;
    }
    for (; q < end && q < first; q += 16) {
      copy_lanes<Vectors>(given, x, mask, first, last, q, q + 16, out + q);
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
    for (; q < end; q += 16) copy_lanes<Vectors>(given, x, mask, first, last, q, q + 16, out + q);
  }
}

template <typename Vectors, typename T, typename Mask>
inline void pack(PanelArgsOf<T, Mask> args) {
  for (int64_t left = args.length; left > 0; left -= kPart) {
    args.length = left < kPart ? left : kPart;
    pack_part<Vectors>(args);
    args.position += kPart;
    args.panel += kPart;
  }
}

}  // namespace

void panel_neon(const PanelArgs& args) { pack<Words>(args); }
#if defined(__aarch64__)
void panel_f16_neon(const PanelF16Args& args) { pack<Halves>(args); }
#endif

}  // namespace secateur
