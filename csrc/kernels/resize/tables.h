// The resampling microkernels of one instruction set: <isa>::resize, defined in <isa>.cc.
#pragma once

#include "kernels/resize/resize.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct ResizeKernels {
#define SCT_RESIZE(name, type, function) type name;
#include "kernels/resize/kernels.inc"
};

SCT_DECLARE_TABLES(ResizeKernels, resize)

}  // namespace secateur
