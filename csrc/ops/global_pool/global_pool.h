// Mean, sum or maximum of each plane.
#pragma once

#include "ops/op.h"

namespace secateur {

using format::ReduceKind;

struct GlobalPoolDesc {
  Planes x, y;
  ReduceKind kind = ReduceKind::mean;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_global_pool(const GlobalPoolDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
