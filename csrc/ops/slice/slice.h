// A strided part of channels, rows and columns.
#pragma once

#include "ops/op.h"

namespace secateur {

struct SliceDesc {
  Planes x, y;
  int channel_begin = 0, row_begin = 0, row_step = 1, col_begin = 0, col_step = 1;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_slice(const SliceDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
