// i8 SpMM for AVX-VNNI: vpdpbusd multiplies 8 positions' four channels by four weights and adds
// them to 8 sums. As avx512vnni.cc in half its width and half its registers.
//
// Registers, mr = 1, nr = 32: sum[4], two sets | w | x
//            mr = 2, nr = 32: sum[2][4] | x[4] | w
//            mr = 4, nr = 16: sum[4][2] | x[2] | w
// Bound by: mr = 1, the load ports (a load, flipped, a dot product); mr >= 2, the dot products.
#include "kernels/spmm_i8/avx2_lanes.h"

namespace secateur {
namespace {

// Independent sums of one strip, so that a narrow tile does not wait for its own dot products.
constexpr int sets_of(int mr, int v) { return mr * v > 4 ? 1 : 2; }

SCT_INLINE __m256i add_dot(__m256i sums, __m256i x, __m256i w) {
  return _mm256_dpbusd_avx_epi32(sums, x, w);
}

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/avx2_dots.h"

namespace secateur {

#define SCT_SPMM_I8_AVXVNNI
#define SCT_SPMM_I8(isa, mr, nr)                             \
  void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { \
    run_quads<mr, nr / kLanes, Form>(args);                  \
  }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
