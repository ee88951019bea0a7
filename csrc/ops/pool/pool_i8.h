// Max and average pooling of i8 over windows (docs/numerics.md).
#pragma once

#include "ops/common/codes.h"
#include "ops/pool/pool.h"

namespace secateur {

struct PoolI8Desc {
  Planes x, y;  // planes4
  Window window;
  PoolKind kind = PoolKind::max;
  Activation activation;
  Scale x_scale, y_scale;
};

Status make_pool_i8(const PoolI8Desc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
