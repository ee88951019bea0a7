// How a convolution of f16 is cut: the plan of plan.h whose elements have two bytes. Its tiles and
// blocks of columns are those of fewest executed instructions whose activations stay in the
// first-level cache.
#pragma once

#include "ops/conv/plan.h"

namespace secateur {

// Offsets of the plan are in bytes of f32, twice those of f16.
ConvPlan plan_conv_f16(const ConvDesc& desc, const ConvWork& work, const Machine& machine,
                       const ConvTuning& tuning);

}  // namespace secateur
