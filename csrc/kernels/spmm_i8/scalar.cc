// i8 SpMM in portable C++: the definition, a tile at a time.
#include "kernels/spmm_i8/spmm_i8.h"

namespace secateur {
namespace {

constexpr int kTile = 16;

// rint of what is then clamped to less than 2^21, by adding and taking away 1.5 * 2^23.
float round_even(float t) {
  const float shift = 12582912.f;
  t = t < -1e6f ? -1e6f : t > 1e6f ? 1e6f : t;
  return (t + shift) - shift;
}

int8_t rescaled(const SpmmI8Args& args, int64_t row, int32_t sum, const int8_t* residual) {
  float t = static_cast<float>(sum) * args.scale[row];
  if (residual) {
    const float r = static_cast<float>(*residual - args.residual_zero) * args.residual_scale;
    t = t + r;
  }
  const int32_t y = static_cast<int32_t>(round_even(t)) + args.zero;
  return static_cast<int8_t>(y < args.lo ? args.lo : y > args.hi ? args.hi : y);
}

void spmm(const SpmmI8Args& args, int mr) {
  const int32_t* indptr = args.indptr;
  for (int64_t q = 0; q < args.quads; q++) {
    const int64_t quad = args.rows[q];
    int32_t sums[4][kTile];
    for (int m = 0; m < 4; m++) {
      const int32_t* before = args.sums + ((quad - args.first_quad) * 4 + m) * kTile;
      for (int p = 0; p < kTile; p++) sums[m][p] = args.first ? args.bias[4 * quad + m] : before[p];
    }
    for (int strip = 0; strip < 4; strip += mr, indptr++) {
      for (int64_t i = indptr[0]; i < indptr[1]; i++) {
        const int8_t* x = args.x + (int64_t{args.codes[i]} << args.shift);
        for (int m = 0; m < mr; m++) {
          const uint32_t w = static_cast<uint32_t>(args.values[i * mr + m]);
          for (int k = 0; k < 4; k++) {
            const int32_t of_channel = static_cast<int8_t>(w >> 8 * k);
            for (int p = 0; p < kTile; p++) sums[strip + m][p] += of_channel * x[4 * p + k];
          }
        }
      }
    }
    for (int m = 0; m < 4; m++) {
      for (int p = 0; p < kTile; p++) {
        const int64_t at = quad * args.y_stride + 4 * p + m;
        if (args.last) {
          args.y[at] = rescaled(args, 4 * quad + m, sums[m][p],
                                args.residual ? args.residual + at : nullptr);
        } else {
          args.sums[((quad - args.first_quad) * 4 + m) * kTile + p] = sums[m][p];
        }
      }
    }
  }
}

}  // namespace

#define SCT_SPMM_I8_SCALAR
#define SCT_SPMM_I8(isa, mr, nr)                 \
  static_assert(nr == kTile, "the tile of all"); \
  void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { spmm(args, mr); }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
