// Depthwise convolution of i8 over the names that each instruction set's file defines before, in
// the unnamed namespace:
//
//   kOutputs              outputs in a vector, each of four channels
//   Sum, I32              sums in any form, and as i32 [outputs][channels]; total(Sum)
//   start(bias)           a Sum of four i32, repeated
//   Weight, weight(p)     four channels' four taps, repeated
//   add(Sum, p, Weight)   products with the groups at p
//   Rescale, rescale(Sum..., Rescale, y)   four vectors of outputs to bytes
#include "kernels/depthwise_i8/depthwise_i8.h"

#define SCT_INLINE inline __attribute__((always_inline))

namespace secateur {
namespace {

// T: the number of taps where it is known, else 0.
template <int T>
SCT_INLINE void run_taps(const DepthwiseI8Band& b, const Rescale& to, int8_t* y, int64_t q) {
  const int64_t taps = T > 0 ? T : b.taps;
  const int8_t* from = b.groups + 16 * q;
  Sum s0 = start(b.bias), s1 = s0, s2 = s0, s3 = s0;
#pragma GCC unroll 4
  for (int64_t t = 0; t < taps; t++) {
    const int8_t* p = from + b.offset[t];
    const Weight w = weight(b.weight + 16 * t);
    s0 = add(s0, p, w);
    s1 = add(s1, p + 16 * kOutputs, w);
    s2 = add(s2, p + 32 * kOutputs, w);
    s3 = add(s3, p + 48 * kOutputs, w);
  }
  rescale(total(s0), total(s1), total(s2), total(s3), to, y);
}

template <int T>
SCT_INLINE void run(const DepthwiseI8Band& given) {
  const DepthwiseI8Band b = given;
  const Rescale to(b);
  constexpr int64_t kStep = 4 * kOutputs;
  for (int64_t q = 0; q < b.outputs; q += kStep) {
    const bool whole = q + kStep <= b.outputs;
    int8_t last[4 * kStep];
    run_taps<T>(b, to, whole ? b.y + 4 * q : last, q);
    for (int64_t i = 0; !whole && i < 4 * (b.outputs - q); i += 4) {
      __builtin_memcpy(b.y + 4 * q + i, last + i, 4);
    }
  }
}

void band(const DepthwiseI8Band& b) { b.taps == 3 ? run<3>(b) : run<0>(b); }

}  // namespace
}  // namespace secateur
