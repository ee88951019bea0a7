// Softmax over channels, at each position.
#pragma once

#include "ops/op.h"

namespace secateur {

struct SoftmaxDesc {
  Planes x, y;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_softmax(const SoftmaxDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
