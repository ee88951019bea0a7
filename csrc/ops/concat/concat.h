// Concatenation along channels.
#pragma once

#include <vector>

#include "ops/op.h"

namespace secateur {

struct ConcatDesc {
  std::vector<Planes> x;
  Planes y;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_concat(const ConcatDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
