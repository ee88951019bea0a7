// Convolution with one filter per channel.
#pragma once

#include "ops/op.h"

namespace secateur {

struct DepthwiseDesc {
  Planes x, y;
  Window window;
  Activation activation;
  const float* weight = nullptr;  // [channels][kernel_h][kernel_w]
  const float* bias = nullptr;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_depthwise(const DepthwiseDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
