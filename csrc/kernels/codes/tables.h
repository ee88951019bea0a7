// The kernels of codes of one instruction set: <isa>::codes, defined in <isa>.cc.
#pragma once

#include "kernels/codes/codes.h"
#include "kernels/simd/isas.h"

namespace secateur {

SCT_DECLARE_TABLES(CodesKernels, codes)

}  // namespace secateur
