// Strided convolutions become convolutions of stride 1 over "phases" of the input:
//   phase (a, b) of a plane: p[i][j] = x[i * stride_h + a][j * stride_w + b], rows one output width
//   apart
// With rows that far apart, what consecutive output positions meet under one kernel tap is
// contiguous, so that panels are packed by vector copies instead of gathers (128 -> 128, 3x3,
// stride 2, 56x56, 90%: from 28% of FMA peak to 40%), and a strided 1x1 reads its phase in place.
// One pass over the input buys it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/split/split.h"
#include "ops/conv/conv.h"

namespace secateur {

struct ConvSplit {
  bool used = false;
  int64_t phase_floats = 0;    // from one phase to the next
  int phases = 0;              // of each channel, those that the kernel meets
  std::vector<int32_t> slots;  // [stride_h * stride_w] place of phase (a, b) in its channel, or -1

  // Floats for one image.
  int64_t floats(const ConvDesc& desc) const {
    return used ? int64_t{desc.x.channels} * phases * phase_floats : 0;
  }
  int slot(const Window& w, int a, int b) const { return slots[a * w.stride_w + b]; }
};

// used: false where the stride is 1 or a phase is wider than the output.
ConvSplit plan_split(const ConvDesc& desc);

// Writes the phases of one channel. x: its plane; out: its phases * phase_floats floats;
// split_rows: what splits rows at stride 2. T: float, or uint16_t of f16.
template <typename T>
void split_plane(const ConvDesc& desc, const ConvSplit& split,
                 void (*split_rows)(const SplitArgsOf<T>&), const T* x, T* out);

// a / b rounded down, b > 0, and what it leaves.
inline int floor_div(int a, int b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
inline int floor_mod(int a, int b) { return a - floor_div(a, b) * b; }

}  // namespace secateur
