// The normalisation microkernels of one instruction set: <isa>::norm, defined in <isa>.cc.
#pragma once

#include "kernels/norm/layer_norm.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct NormKernels {
#define SECATEUR_NORM(name, type, function) type name;
#include "kernels/norm/kernels.inc"
};

#define SECATEUR_DECLARE(isa)    \
  namespace isa {                \
  extern const NormKernels norm; \
  }
SECATEUR_FOR_EACH_ISA(SECATEUR_DECLARE)
#undef SECATEUR_DECLARE

}  // namespace secateur
