// y = act(a op b).
#pragma once

#include "ops/op.h"

namespace secateur {

using format::BinaryKind;

struct BinaryDesc {
  Planes x, y;
  Planes b;  // of the second input: as x, or one position per channel (batch as x, or 1)
  BinaryKind kind = BinaryKind::add;
  bool reversed = false;
  const float* constant = nullptr;  // instead of a second input: 1, channels or channels*positions
  int64_t constant_floats = 0;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_binary(const BinaryDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
