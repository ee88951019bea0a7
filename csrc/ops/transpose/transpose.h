// [C][P] -> [P][C].
#pragma once

#include "ops/op.h"

namespace secateur {

struct TransposeDesc {  // [C][P] -> [P][C]
  Planes x, y;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_transpose(const TransposeDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
