// The normalisation microkernels of one instruction set: <isa>::norm, defined in <isa>.cc.
#pragma once

#include "kernels/norm/layer_norm.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct NormKernels {
#define SCT_NORM(name, type, function) type name;
#include "kernels/norm/kernels.inc"
};

SCT_DECLARE_TABLES(NormKernels, norm)

}  // namespace secateur
