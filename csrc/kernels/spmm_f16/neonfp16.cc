// f16 SpMM for FEAT_FP16 (Cortex-A76 and later): kernels/spmm/neon_body.h on eight f16.
//
// Registers, mr = 1, nr = 192: acc[24] | w (8 blocks' values) | x[4] in flight (v28 to v31)
//            mr = 4, nr = 32:  acc[4][4] | w | x in flight
//            mr = 8, nr = 24:  acc[8][3] | w | x[3]
// FMLA by element takes f16 weights from v0 to v15 alone: the constraint "x".
//
// Instructions per FMA: 1x56 1.52, 1x104 1.43, 1x192 1.32. Bound by loads, two vectors a cycle.
#include "kernels/simd/neonfp16.h"

#include "kernels/spmm/neon_body.h"
#include "kernels/spmm_f16/spmm_f16.h"

namespace secateur {

#define SCT_SPMM_NEONFP16
#define SCT_SPMM_F16(isa, mr, nr) \
  void spmm_f16_##isa##_##mr##x##nr(const SpmmF16Args& args) { spmm<mr, nr>(args); }
#include "kernels/spmm_f16/kernels.inc"
#undef SCT_SPMM_F16

}  // namespace secateur
