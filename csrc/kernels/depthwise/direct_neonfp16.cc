// Depthwise 3x3 of f16 for FEAT_FP16: direct_neon_body.h on eight columns to a vector. Rows of up
// to eight columns are one vector, both ends of the row at once; its lanes behind the row belong to
// the next, and are written before that is.
//
// Sums are of f16: each of nine multiply-adds rounds once, in the order of the filter.
// Instructions of a step: stride 1, two vectors, 212; one vector, 120; stride 2, 139. Bound by the
// vector units.
#include "kernels/simd/neonfp16.h"

#define SCT_STRIDE_1 SCT_UNSCHEDULED
#include "kernels/depthwise/depthwise_f16.h"
#include "kernels/depthwise/direct_neon_body.h"

namespace secateur {

void depthwise_f16_neonfp16_3x3s1(const DepthwiseF16Planes& p) {
  p.out_width <= 8 ? direct<1, 1, true>(p) : p.out_width <= 16 ? direct<1, 1>(p) : direct<1, 2>(p);
}

void depthwise_f16_neonfp16_3x3s2(const DepthwiseF16Planes& p) {
  p.out_width <= 8 ? direct<2, 1, true>(p) : direct<2, 1>(p);
}

}  // namespace secateur
