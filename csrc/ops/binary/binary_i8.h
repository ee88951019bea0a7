// y = act(a op b) of i8 (docs/numerics.md): sums, differences and products.
#pragma once

#include "ops/binary/binary.h"
#include "ops/common/codes.h"

namespace secateur {

struct BinaryI8Desc {
  Planes x, b, y;  // planes4; b: as x, or one position per channel (batch as x, or 1)
  BinaryKind kind = BinaryKind::add;
  bool reversed = false;
  Activation activation;
  Scale x_scale, b_scale, y_scale;
};

Status make_binary_i8(const BinaryI8Desc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
