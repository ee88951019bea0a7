// The even and the odd columns of a plane's rows, each to a plane of its own: what a convolution of
// stride 2 reads instead of every second element (ops/conv/split.h). Bound by its loads and
// stores: one vector in, one vector out.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

template <typename T>  // element
struct SplitArgsOf {
  const T* x;  // [rows][width], rows x_pitch apart
  int64_t rows, width;
  int64_t x_pitch;
  T* even;  // [rows][(width + 1) / 2], rows `pitch` apart; null: not wanted
  T* odd;   // [rows][width / 2], rows `pitch` apart; null: not wanted
  int64_t pitch;
};

template <typename T>
using SplitFnOf = void (*)(const SplitArgsOf<T>& args);
using SplitArgs = SplitArgsOf<float>;
using SplitFn = SplitFnOf<float>;

// Never null for a compiled isa.
SplitFn select_split(Features have);

// Of f16: where a CPU computes in f16, else null.
using SplitF16Fn = SplitFnOf<uint16_t>;
SplitF16Fn select_split_f16(Features have);

}  // namespace secateur
