// From an operator of the file to one that runs.
#pragma once

#include "base/isa.h"
#include "base/status.h"
#include "format/model.h"
#include "runtime/ops/op.h"

namespace secateur {

// `model` is verified. The operator keeps no pointer into it.
Status build_op(const format::Model& model, const format::Op& op, Isa isa, int threads,
                OperatorPtr* out);

// For inspect: the bytes that an operator's constants take in the file, and its weight if it has
// one.
uint64_t stored_bytes(const format::Model& model, const format::Op& op);

}  // namespace secateur
