// i8 SpMM for AVX2: vpmaddubsw multiplies 8 positions' four channels by four weights and adds the
// products in pairs, in i16; vpmaddwd by ones adds two pairs; vpaddd adds them to 8 sums.
//
// vpmaddubsw saturates: 255 (w0 + w1) must stay in i16, so that of two neighbours of the same sign
// the sum is at most 128. Blocks in which it is more were split in two (pack/quad_rows.h): some
// hundredth of them, and the bits are those of every other kernel.
//
// Registers, mr = 1, nr = 64: sum[8] | x | w | ones, signs | product
//            mr = 4, nr = 16: sum[4][2] | x[2] | w | ones, signs | product
// Bound by: 8 positions take a vpxor and, a row, three instructions, two of them multiplications:
// twice the multiply-adds a cycle of f32 where a core starts two multiplications.
#include "kernels/spmm_i8/avx2_lanes.h"

namespace secateur {
namespace {

// Sums wait for one addition only.
constexpr int sets_of(int, int) { return 1; }

SCT_INLINE __m256i add_dot(__m256i sums, __m256i x, __m256i w) {
  const __m256i pairs = _mm256_maddubs_epi16(x, w);
  return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/avx2_dots.h"

namespace secateur {

#define SCT_SPMM_I8_AVX2
#define SCT_SPMM_I8(isa, mr, nr)                             \
  void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { \
    run_quads<mr, nr / kLanes, Form>(args);                  \
  }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
