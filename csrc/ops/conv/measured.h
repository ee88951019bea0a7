// How a layer was measured to run fastest on this machine, where its profile says
// (machine/profile.h): taken before the cost model is asked.
#pragma once

#include "machine/profile.h"
#include "ops/conv/conv.h"
#include "ops/conv/plan.h"

namespace secateur {

// The columns of `desc` that say which layer it is, per_mille included; the others are 0.
MeasuredPlan plan_key(const ConvDesc& desc);

// The plan of the same layer in the machine's profile whose share of nonzeros is nearest, within a
// fifth, or null; never one that names what the kernels or the layer do not have.
const MeasuredPlan* find_measured(const ConvDesc& desc, const Machine& machine);

// The choices of `plan`.
ConvTuning tuning_of(const MeasuredPlan& plan);

// A layer of more than this share of nonzeros may run dense although it is stored sparse
// (need.cc reckons with it).
inline constexpr double kNearDense = 0.45;

// What may be under a block of columns, in bytes of activations (need.cc).
inline constexpr int64_t kLeastBlockBytes = 16 << 10, kMostBlockBytes = 512 << 10;

}  // namespace secateur
