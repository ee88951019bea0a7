// Softmax over channels: y[c] = exp(x[c] - m) / sum_c exp(x[c] - m), m = max_c x[c].
//
// `planes`: a vector of positions per register, channels `stride` apart. `row`: one position,
// channels contiguous. Three passes: maximum; exponentials, stored, and their sum; division. Bound
// by the exponentials (12 FMA or so per vector). As in PyTorch a NaN, a +infinity, or nothing but
// -infinity among the x gives NaN.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct SoftmaxTile {
  const float* x;
  float* y;
  int64_t x_stride, y_stride;
  int64_t channels;
  int64_t positions;  // planes: whole vectors are read and written, up to round_up(positions, 16)
};

using SoftmaxFn = void (*)(const SoftmaxTile& tile);

SoftmaxFn select_softmax_planes(Features have);
SoftmaxFn select_softmax_row(Features have);

}  // namespace secateur
