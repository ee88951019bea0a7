// The ways of cutting one layer that are worth a trial: what the planner chooses, and its
// neighbours in each of what it chooses.
#pragma once

#include <vector>

#include "machine/machine.h"
#include "ops/conv/conv.h"
#include "ops/conv/plan.h"

namespace secateur {

// The planner's own choice for a layer executed as `dense` says (0 or 1), spelled out.
ConvTuning planned_tuning(const ConvDesc& desc, bool dense, const Machine& machine);

// Heights of strips, pairs of rows, widths of tiles around `from`, `from` first.
std::vector<ConvTuning> vary_tiles(const ConvDesc& desc, const ConvTuning& from,
                                   const Machine& machine);
// Sizes of the blocks of columns, and where activations are read from; without `from`.
std::vector<ConvTuning> vary_blocks(const ConvDesc& desc, const ConvTuning& from,
                                    const Machine& machine);

}  // namespace secateur
