// The pooling microkernels of one instruction set: <isa>::pool, defined in <isa>.cc.
#pragma once

#include "kernels/pool/pool.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct PoolKernels {
#define SECATEUR_POOL(name, type, function) type name;
#include "kernels/pool/kernels.inc"
};

#define SECATEUR_DECLARE(isa)    \
  namespace isa {                \
  extern const PoolKernels pool; \
  }
SECATEUR_FOR_EACH_ISA(SECATEUR_DECLARE)
#undef SECATEUR_DECLARE

}  // namespace secateur
