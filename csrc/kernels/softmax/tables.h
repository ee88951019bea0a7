// The softmax microkernels of one instruction set: <isa>::softmax, defined in <isa>.cc.
#pragma once

#include "kernels/simd/isas.h"
#include "kernels/softmax/softmax.h"

namespace secateur {

struct SoftmaxKernels {
#define SCT_SOFTMAX(name, type, function) type name;
#include "kernels/softmax/kernels.inc"
};

SCT_DECLARE_TABLES(SoftmaxKernels, softmax)

}  // namespace secateur
