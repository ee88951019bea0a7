// Bit by bit, as base/half.h has it.
#include "base/half.h"
#include "kernels/half/half.h"

namespace secateur {
namespace {

void widen(const uint16_t* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = half_to_float(x[i]);
}

void narrow(const float* x, uint16_t* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = float_to_half(x[i]);
}

}  // namespace

namespace scalar {
extern const HalfKernels half = {widen, narrow};
}

}  // namespace secateur
