// The microkernel of one instruction set: <isa>::matmul, defined in <isa>.cc.
#pragma once

#include "kernels/matmul/matmul.h"

namespace secateur {

#define SCT_MATMUL(isa, rows, vectors)    \
  namespace isa {                         \
  extern const MatMulKernel matmul;       \
  constexpr int kMatMulRows = rows;       \
  constexpr int kMatMulVectors = vectors; \
  }
#include "kernels/matmul/kernels.inc"

}  // namespace secateur
