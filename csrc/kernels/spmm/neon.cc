// SpMM for Armv8-A Advanced SIMD: neon_body.h on four f32.
//
// Registers, mr = 1, nr = 96:  acc[24] | w (4 blocks' values) | x[4] in flight (v28 to v31)
//            mr = 4, nr = 24:  acc[4][6] | w (4 rows) | x in flight (7 left)
//            mr = 8, nr = 12:  acc[8][3] | w[2] | x[3]
// Instructions per FMA, and cycles of the loop by llvm-mca-19 beside its bound:
//            A72 (-mcpu=cortex-a72)    A76 (-mcpu=neoverse-n1 -dispatch=8)
//   1x52     1.48    59 / 54 loads      33 / 27.5 loads     (4 blocks)
//   1x64     1.39    71 / 66 loads      35 / 33.5 loads     (4 blocks)
//   1x96     1.34   103 / 98 loads      51 / 49.5 loads     (4 blocks)
//   8x12     1.25  24.2 / 24 FMAs     12.2 / 12 FMAs        (1 block)
// Two blocks at a time at mr = 8 saves nothing: GCC then moves accumulators about.
// In-order cores, which issue a 128-bit load over two cycles, have neon_inorder.cc.
#include "kernels/simd/neon.h"

#include "kernels/spmm/neon_body.h"

namespace secateur {

#define SCT_SPMM_NEON
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
