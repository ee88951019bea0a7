// Layer normalisation over channels:
//
//   y[c] = (x[c] - mean) / sqrt(variance + epsilon) * gamma[c] + beta[c], variance = sum (x -
//   mean)^2 / C
//
// `planes`: many positions at once, a vector of positions per register, channels `stride` apart.
// `row`: one position, channels contiguous. Two passes over x for the statistics (the second
// corrects the first's rounding: Chan, Golub and LeVeque, "Algorithms for computing the sample
// variance", 1983, eq. 1.7), one to write. Bound by loads.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct LayerNormTile {
  const float* x;  // [channels] planes x_stride apart
  float* y;
  int64_t x_stride, y_stride;
  int64_t channels;
  int64_t positions;   // planes: whole vectors are read and written, up to round_up(positions, 16)
  const float* gamma;  // [channels] or null
  const float* beta;
  float epsilon;
};

using LayerNormFn = void (*)(const LayerNormTile& tile);

LayerNormFn select_layer_norm_planes(Features have);
LayerNormFn select_layer_norm_row(Features have);

}  // namespace secateur
