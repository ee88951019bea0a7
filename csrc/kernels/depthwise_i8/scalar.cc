// Depthwise convolution of i8 in portable C++.
#include "kernels/depthwise_i8/depthwise_i8.h"

namespace secateur {
namespace {

// rint, by adding and taking away 1.5 * 2^23, of what is then clamped to less than 2^21.
int32_t nearest(float t) {
  const float shift = 12582912.f;
  t = t < -1e6f ? -1e6f : t > 1e6f ? 1e6f : t;
  return static_cast<int32_t>((t + shift) - shift);
}

void band(const DepthwiseI8Band& b) {
  for (int64_t q = 0; q < b.outputs; q++) {
    for (int c = 0; c < 4; c++) {
      uint32_t sum = static_cast<uint32_t>(b.bias[c]);
      for (int64_t t = 0; t < b.taps; t++) {
        const int8_t* x = b.groups + b.offset[t] + 16 * q + 4 * c;
        const int8_t* w = b.weight + 16 * t + 4 * c;
        for (int i = 0; i < 4; i++) sum += static_cast<uint32_t>(w[i] * x[i]);
      }
      const int32_t y =
          nearest(static_cast<float>(static_cast<int32_t>(sum)) * b.scale[c]) + b.zero;
      b.y[4 * q + c] = static_cast<int8_t>(y < b.lo ? b.lo : y > b.hi ? b.hi : y);
    }
  }
}

void group(const DepthwiseI8Row& r) {
  for (int64_t j = 0; j < r.outputs; j++) {
    const int8_t* from = r.line + 4 * j * r.stride;
    for (int t = 0; t < 4; t++) {
      for (int c = 0; c < 4; c++) r.groups[16 * j + 4 * c + t] = from[4 * t * r.dilation + c];
    }
  }
}

}  // namespace

namespace scalar {
extern const DepthwiseI8Kernel depthwise_i8 = {Isa::scalar, "scalar", band, group, nullptr};
}

}  // namespace secateur
