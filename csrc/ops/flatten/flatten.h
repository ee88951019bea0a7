// [C][P] -> [C * P][1].
#pragma once

#include "ops/op.h"

namespace secateur {

struct FlattenDesc {  // [C][P] -> [C*P][1]
  Planes x, y;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_flatten(const FlattenDesc& desc, Isa isa, OperatorPtr* op);
Status make_flatten_i8(const FlattenDesc& desc, OperatorPtr* op);  // of planes4

}  // namespace secateur
