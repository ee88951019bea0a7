// Rows and columns resampled: any mode of an image's resize, as the weighted sums that it is.
#pragma once

#include "ops/op.h"

namespace secateur {

// One axis: output element i is the sum over t of weight[i][t] x[index[i][t]].
struct ResizeAxis {
  const uint32_t* index = nullptr;  // [elements of y][taps]
  const float* weight = nullptr;    // the same, or null: taps is 1 and elements are copied
  int taps = 1;
};

struct ResizeDesc {
  Planes x, y;
  ResizeAxis rows, columns;
  Activation activation;
};

// Tables are copied. `isa` must be usable.
Status make_resize(const ResizeDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
