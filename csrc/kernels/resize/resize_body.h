// Resampling over the vector interface of kernels/simd; resize.h has the equations. SCT_ISA
// names the instruction set.
#include "kernels/resize/tables.h"

namespace secateur {
namespace {
using namespace simd;

void combine(const float* const* x, const float* weight, int taps, float* y, int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const int rest = n - j < kLanes ? static_cast<int>(n - j) : kLanes;
    Vec sum = mul(splat(weight[0]), load_n(x[0] + j, rest));
    for (int t = 1; t < taps; ++t) sum = fma(splat(weight[t]), load_n(x[t] + j, rest), sum);
    store_n(y + j, sum, rest);
  }
}

void gather_sum(const float* x, const ColumnTable& c, float* y) {
  for (int64_t j = 0; j < c.n; j += kLanes) {
    Vec sum = gather(x, c.index + j);
    if (c.weight != nullptr) {
      sum = mul(load(c.weight + j), sum);
      for (int t = 1; t < c.taps; ++t) {
        const int64_t at = t * c.pitch + j;
        sum = fma(load(c.weight + at), gather(x, c.index + at), sum);
      }
    }
    store_n(y + j, sum, c.n - j < kLanes ? static_cast<int>(c.n - j) : kLanes);
  }
}

}  // namespace

namespace SCT_ISA {
const ResizeKernels resize = {
#define SCT_RESIZE(name, type, function) function,
#include "kernels/resize/kernels.inc"
};
}  // namespace SCT_ISA

}  // namespace secateur
