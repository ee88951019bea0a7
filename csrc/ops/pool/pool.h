// Max and average pooling over windows.
#pragma once

#include "ops/op.h"

namespace secateur {

using format::PoolKind;

struct PoolDesc {
  Planes x, y;
  Window window;
  PoolKind kind = PoolKind::max;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_pool(const PoolDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
