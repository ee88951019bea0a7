// [C][P] -> [C][1] of i8 (docs/numerics.md): means and maxima.
#pragma once

#include "ops/common/codes.h"
#include "ops/global_pool/global_pool.h"

namespace secateur {

struct GlobalPoolI8Desc {
  Planes x, y;  // planes4
  ReduceKind kind = ReduceKind::mean;
  Activation activation;
  Scale x_scale, y_scale;
};

Status make_global_pool_i8(const GlobalPoolI8Desc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
