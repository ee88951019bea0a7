// Packs the runs of a convolution's panel (conv_plan.h): for each run, the input values that
// `count` consecutive output positions meet, zero where those lie in the padding or past the last
// row.
#pragma once

#include "runtime/ops/op.h"

namespace secateur {

// The single output position of a layer whose output is 1x1: out[column], the order of the weight's
// columns. x: the group's first plane.
void gather_window(const ConvDesc& desc, const float* x, float* out);

}  // namespace secateur
