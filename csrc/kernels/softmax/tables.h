// The softmax microkernels of one instruction set: <isa>::softmax, defined in <isa>.cc.
#pragma once

#include "kernels/simd/isas.h"
#include "kernels/softmax/softmax.h"

namespace secateur {

struct SoftmaxKernels {
#define SECATEUR_SOFTMAX(name, type, function) type name;
#include "kernels/softmax/kernels.inc"
};

#define SECATEUR_DECLARE(isa)          \
  namespace isa {                      \
  extern const SoftmaxKernels softmax; \
  }
SECATEUR_FOR_EACH_ISA(SECATEUR_DECLARE)
#undef SECATEUR_DECLARE

}  // namespace secateur
