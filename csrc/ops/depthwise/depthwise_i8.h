// Depthwise convolution of i8 (docs/numerics.md).
#pragma once

#include "ops/common/codes.h"
#include "ops/op.h"

namespace secateur {

struct DepthwiseI8Desc {
  Planes x, y;  // planes4
  Window window;
  Activation activation;
  Scale x_scale, y_scale;
  const int8_t* weight = nullptr;  // [channels][kernel_h][kernel_w]
  const float* scales = nullptr;   // [channels]
  const int32_t* bias = nullptr;   // [channels] or null
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_depthwise_i8(const DepthwiseI8Desc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
