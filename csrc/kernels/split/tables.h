// The row splitter of one instruction set: <isa>::split_rows, defined in <isa>.cc.
#pragma once

#include "kernels/simd/isas.h"
#include "kernels/split/split.h"

namespace secateur {

#define SECATEUR_DECLARE(isa)      \
  namespace isa {                  \
  extern const SplitFn split_rows; \
  }
SECATEUR_FOR_EACH_ISA(SECATEUR_DECLARE)
#undef SECATEUR_DECLARE

}  // namespace secateur
