// The microkernels of one instruction set, by kind: <isa>::elementwise, defined in <isa>.cc.
#pragma once

#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/binary.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct ElementwiseKernels {
  UnaryFn unary[kActivationKinds];
  ActivationFn in_place[kActivationKinds];
  BinaryFn binary[kBinaryKinds][kBinaryForms];
};

SCT_DECLARE_TABLES(ElementwiseKernels, elementwise)

}  // namespace secateur
