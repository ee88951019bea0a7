// Depthwise convolution of f16 where the CPU computes in f16.
#pragma once

#include "kernels/depthwise/depthwise_f16.h"
#include "ops/depthwise/depthwise.h"

namespace secateur {

// The kernel for planes and a window, or null.
DepthwiseF16Fn depthwise_f16_kernel(const Planes& x, const Planes& y, const Window& window,
                                    Features have);

// x and y are f16; there is a kernel. Constants are copied.
Status make_depthwise_f16(const DepthwiseDesc& desc, Features have, OperatorPtr* op);

}  // namespace secateur
