// Packs the runs of a convolution's panel: for each run, the input values that consecutive output
// positions meet under one (channel, kernel row, kernel column); `fill` where those lie in the
// padding. An element is four bytes, of an f32 or of four i8 (planes4), or two, of an f16.
//
//   panel[i][l] = valid ? x[channel * channel_floats + tap.source + index[q]] : fill
//   q           = position + l
//   valid       = masks[tap.mask][q] != 0 and tap.begin <= q < tap.end
//
// Run first + i is that of channel (first + i) / tap_count and of tap (first + i) % tap_count.
//
// `index` is null when it would be q itself (stride 1, an output as wide as its input): then a run
// is a shifted copy of a plane with a few lanes cleared, a vector at a time. Otherwise it is a
// gather. Masks answer for columns (the same in every row), begin and end for rows. x is never read
// where `valid` is false. Cost: a load or gather and a store per vector, against density * rows
// FMAs later.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

// What the runs of all channels have in common at one kernel row and column.
struct PanelTap {
  int64_t source;      // floats from the channel's first
  int32_t mask;        // row of masks
  int32_t begin, end;  // positions whose input row exists
};

// Element, and an integer as wide.
template <typename T, typename Mask>
struct PanelArgsOf {
  const PanelTap* taps;
  int64_t tap_count;       // runs of a channel
  int64_t channel_floats;  // elements from one channel of x to the next
  int64_t first, count;    // runs
  const T* x;
  const int32_t* index;  // [positions + 16], or null
  const Mask* masks;     // [kernel columns][mask_stride]: 0 or -1
  int64_t mask_stride;   // at least position + round_up(length, 16)
  int64_t position;
  int64_t length;     // written rounded up to 16
  uint32_t fill = 0;  // the bits of an element
  uint32_t flip = 0;  // of every element written, these bits are the other way round; AVX-512 alone
  T* panel;           // 64-byte aligned
  int64_t run_floats;  // elements from one run to the next, a multiple of 16
};

using PanelArgs = PanelArgsOf<float, int32_t>;
using PanelF16Args = PanelArgsOf<uint16_t, int16_t>;
using PanelFn = void (*)(const PanelArgs& args);

// Never null for a compiled isa.
PanelFn select_panel(Features have);

// Of f16 (`flip` is not read): where a CPU computes in f16, else null.
using PanelF16Fn = void (*)(const PanelF16Args& args);
PanelF16Fn select_panel_f16(Features have);

}  // namespace secateur
