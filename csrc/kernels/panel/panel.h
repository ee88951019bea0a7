// Packs the runs of a convolution's panel: for each run, the input values that consecutive output
// positions meet under one (channel, kernel row, kernel column); zero where those lie in the
// padding.
//
//   panel[i][l] = valid ? x[runs[i].source + index[q]] : 0      q = position + l
//   valid = masks[runs[i].mask][q] != 0 and runs[i].begin <= q < runs[i].end
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

struct PanelRun {
  int64_t source;      // floats from x
  int32_t mask;        // row of masks
  int32_t begin, end;  // positions whose input row exists
};

struct PanelArgs {
  const PanelRun* runs;
  int64_t count;
  int64_t period;  // runs of a channel: runs[i + period] has the mask, begin and end of runs[i]
  const float* x;
  const int32_t* index;  // [positions + 16], or null
  const int32_t* masks;  // [kernel columns][mask_stride]: 0 or -1
  int64_t mask_stride;   // at least position + round_up(length, 16)
  int64_t position;
  int64_t length;      // written rounded up to 16
  float* panel;        // 64-byte aligned
  int64_t run_floats;  // floats from one run to the next, a multiple of 16
};

using PanelFn = void (*)(const PanelArgs& args);

// Never null for a compiled isa.
PanelFn select_panel(Isa isa);

}  // namespace secateur
