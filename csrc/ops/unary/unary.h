// y = act(x).
#pragma once

#include "ops/op.h"

namespace secateur {

struct UnaryDesc {
  Planes x, y;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_unary(const UnaryDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
