// From an operator of the file to one that runs.
#pragma once

#include <vector>

#include "base/isa.h"
#include "base/status.h"
#include "format/model.h"
#include "machine/machine.h"
#include "ops/op.h"
#include "pack/shared_weights.h"
#include "pack/weight_memory.h"

namespace secateur {

// `model` is verified. The operator keeps no pointer into it, but packed weights in `memory`.
// `shared`: null where no other operator reads the weight. `measured`: where a profile's plan is
// the one that was taken, that.
Status build_op(const format::Model& model, const format::Op& op, Isa isa, const Machine& machine,
                int threads, WeightMemory* memory, SharedWeights* shared, OperatorPtr* out,
                const MeasuredPlan** measured = nullptr);

// Where an operator's constants, its weight if it has one included, lie in the file, and the bytes
// they take there.
std::vector<format::Buffer> stored_buffers(const format::Model& model, const format::Op& op);
uint64_t stored_bytes(const format::Model& model, const format::Op& op);

}  // namespace secateur
