// SpMM in portable C++: 16 positions held in an array that the compiler may keep in registers.
#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  const char* x = reinterpret_cast<const char*>(args.x);
  for (int64_t strip = 0; strip < args.strips; strip++) {
    const int64_t row = args.rows[strip];
    float* y = args.y + row * args.y_stride;
    float sum[MR][NR];
    for (int m = 0; m < MR; m++) {
      for (int i = 0; i < NR; i++) {
        if (args.accumulate) {
          sum[m][i] = y[m * args.y_stride + i];
        } else {
          sum[m][i] = args.bias ? args.bias[row + m] : 0.0f;
          if (args.residual) sum[m][i] += args.residual[(row + m) * args.y_stride + i];
        }
      }
    }
    for (int32_t j = args.indptr[strip]; j < args.indptr[strip + 1]; j++) {
      const float* in = reinterpret_cast<const float*>(x + (int64_t{args.codes[j]} << args.shift));
      for (int m = 0; m < MR; m++) {
        const float w = args.values[int64_t{j} * MR + m];
        for (int i = 0; i < NR; i++) sum[m][i] += w * in[i];
      }
    }
    for (int m = 0; m < MR; m++) {
      for (int i = 0; i < NR; i++) {
        float v = sum[m][i];
        if (args.clamp) {
          v = v < args.lo ? args.lo : v;
          v = v > args.hi ? args.hi : v;
        }
        y[m * args.y_stride + i] = v;
      }
    }
  }
}

}  // namespace

#define SCT_SPMM_SCALAR
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
