// Packs the runs of a convolution's panel (conv_plan.h): for each run, the input values that
// `count` consecutive output positions meet, zero where those lie in the padding or past the last
// row.
#pragma once

#include <cstdint>

#include "runtime/ops/conv_plan.h"
#include "runtime/ops/op.h"

namespace secateur {

// x: the group's first plane. panel: (run_end - run_begin) * plan.run_floats floats, of which each
// run's first nr + plan.run_length are written.
void pack_panel(const ConvDesc& desc, const ConvPlan& plan, const ConvTile& tile, int32_t run_begin,
                int32_t run_end, const float* x, float* panel);

// The single output position of a layer whose output is 1x1: out[column], the order of the weight's
// columns. x: the group's first plane.
void gather_window(const ConvDesc& desc, const float* x, float* out);

}  // namespace secateur
