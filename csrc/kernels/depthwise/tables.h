// The depthwise microkernels of one instruction set: <isa>::depthwise, defined in <isa>.cc.
#pragma once

#include "kernels/depthwise/depthwise.h"
#include "kernels/simd/isas.h"

namespace secateur {

struct DepthwiseRow {
  int kernel, stride;
  const char* name;
  DepthwiseFn band;
};

struct DepthwiseKernels {
  DepthwiseFillFn fill;
  int vector_floats;
  DepthwiseRow generic;
  DepthwiseRow rows[4];
};

SCT_DECLARE_TABLES(DepthwiseKernels, depthwise)

}  // namespace secateur
