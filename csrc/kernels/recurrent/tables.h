// The microkernels of recurrent steps of one instruction set: <isa>::recurrent, defined in
// <isa>.cc.
#pragma once

#include "kernels/recurrent/recurrent.h"
#include "kernels/simd/isas.h"

namespace secateur {

SCT_DECLARE_TABLES(RecurrentKernels, recurrent)

}  // namespace secateur
