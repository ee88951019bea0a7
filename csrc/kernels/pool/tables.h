// The pooling microkernels of one instruction set: <isa>::pool, defined in <isa>.cc.
#pragma once

#include "kernels/pool/pool.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct PoolKernels {
#define SCT_POOL(name, type, function) type name;
#include "kernels/pool/kernels.inc"
};

SCT_DECLARE_TABLES(PoolKernels, pool)

}  // namespace secateur
