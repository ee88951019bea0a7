// How a convolution of i8 is cut: that of f32 (plan.h) on elements of four channels, with choices
// by rule, not by a cost model: rows of a strip by how full they would be, tiles and blocks of
// columns by the first-level cache.
#pragma once

#include <cstdint>
#include <vector>

#include "machine/machine.h"
#include "ops/conv/plan.h"
#include "pack/quad_rows.h"

namespace secateur {

// The layer as the planner sees it: channels are quads of the input, rows quads of the output,
// strides in elements of four bytes.
ConvDesc desc_of_quads(const ConvDesc& desc, const QuadGroups& groups);

// Rows of a strip, 1, 2 or 4: what the strips' blocks and the kernels' efficiency make cheapest.
int choose_i8_mr(const QuadRows& rows, const QuadGroups& groups, const Machine& machine);

// Tiles of the widths that there are kernels for, none wider than `widest`; together as many
// positions as vectors take.
std::vector<ConvTile> cut_i8_tiles(int64_t positions, int mr, int64_t widest, Features have);

// `desc` of quads; reads: how often a strip reads each vector of activations. plan.mr is mr.
ConvPlan plan_conv_i8(const ConvDesc& desc, int mr, double reads, const Machine& machine,
                      const ConvTuning& tuning);

}  // namespace secateur
