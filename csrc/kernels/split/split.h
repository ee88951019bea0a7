// The even and the odd columns of a plane's rows, each to a plane of its own: what a convolution of
// stride 2 reads instead of every second element (ops/conv/split.h). Bound by its loads and
// stores: one vector in, one vector out.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct SplitArgs {
  const float* x;  // [rows][width], rows x_pitch apart
  int64_t rows, width;
  int64_t x_pitch;
  float* even;  // [rows][(width + 1) / 2], rows `pitch` apart; null: not wanted
  float* odd;   // [rows][width / 2], rows `pitch` apart; null: not wanted
  int64_t pitch;
};

using SplitFn = void (*)(const SplitArgs& args);

// Never null for a compiled isa.
SplitFn select_split(Features have);

}  // namespace secateur
