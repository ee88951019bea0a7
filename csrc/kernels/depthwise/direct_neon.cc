// Depthwise 3x3 of f32 for AArch64: direct_neon_body.h on four columns to a vector.
//
// Instructions of a step: stride 1, two vectors, 212 for 126 FMAs; stride 2, 139 for 63. Bound by
// the vector units; cycles by llvm-mca-19 beside the bound:
//               A72 (-mcpu=cortex-a72)   A76 (-mcpu=neoverse-n1 -dispatch=8)
//   stride 1    165 / 164.5              95 / 94.5
//   stride 2    106 / 103                72 / 71.5     (ld2 takes vector slots too)
#include "kernels/simd/neon.h"

#define SCT_STRIDE_1
#include "kernels/depthwise/direct_neon_body.h"

namespace secateur {

// Rows of fewer than three vectors go by single ones.
void depthwise_direct_neon_3x3s1(const DepthwisePlanes& p) {
  p.out_width > 8 ? direct<1, 2>(p) : direct<1, 1>(p);
}

void depthwise_direct_neon_3x3s2(const DepthwisePlanes& p) { direct<2, 1>(p); }

}  // namespace secateur
