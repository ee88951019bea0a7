// The window of a layer whose output is one position, as a vector.
#pragma once

#include "ops/conv/conv.h"

namespace secateur {

// The single output position of a layer whose output is 1x1: out[column], the order of the weight's
// columns. x: the group's first plane.
void gather_window(const ConvDesc& desc, const float* x, float* out);

}  // namespace secateur
