// The normalisation microkernels of one instruction set: <isa>::norm, defined in <isa>.cc.
#pragma once

#include "kernels/norm/layer_norm.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct NormKernels {
#define SECATEUR_NORM(name, type, function) type name;
#include "kernels/norm/kernels.inc"
};

SECATEUR_DECLARE_TABLES(NormKernels, norm)

}  // namespace secateur
