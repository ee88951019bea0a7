// Convolution of i8 as its definition (docs/numerics.md), one output:
//   sum = bias[o] + sum over c, r, s of w[o][c][r][s] * (x[...] - zero of x)          integers
//   t   = f32(sum) * f32(sx * sw[o] / sy) + f32(residual - its zero) * f32(sr / sy)   f32 steps
//   y   = rint(min(max(t, lo - zero), hi - zero)) + zero                              half to even
// x outside its plane is its zero point. Planes are planes4, strides in bytes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/planes.h"
#include "ops/common/codes.h"
#include "ops/conv/reference.h"

namespace secateur::reference {

inline int64_t code_at(const Planes& p, int batch, int channel, int64_t position) {
  return batch * p.batch_stride + channel / 4 * p.plane_stride + 4 * position + channel % 4;
}

// weight: [rows][cols] of f32's order, whole numbers.
inline int64_t conv_i8_sum(const ConvShape& s, const Planes& px, const int8_t* x, int x_zero,
                           const Planes& py, const float* weight, int batch, int row, int i,
                           int j) {
  const int channels = px.channels / s.groups;
  const int group = row / (py.channels / s.groups);
  const float* w = weight + int64_t{row} * channels * s.kernel_h * s.kernel_w;
  int64_t sum = 0;
  for (int c = 0; c < channels; c++) {
    for (int r = 0; r < s.kernel_h; r++) {
      for (int t = 0; t < s.kernel_w; t++) {
        const auto value = static_cast<int64_t>(*w++);
        const int h = i * s.stride_h + r * s.dilation_h - s.pad_top;
        const int v = j * s.stride_w + t * s.dilation_w - s.pad_left;
        if (h < 0 || h >= px.height || v < 0 || v >= px.width) continue;
        sum += value *
               (x[code_at(px, batch, group * channels + c, int64_t{h} * px.width + v)] - x_zero);
      }
    }
  }
  return sum;
}

struct Rescaling {
  float factor;               // sx * sw / sy
  float residual_factor = 0;  // sr / sy
  int residual_zero = 0;
  int zero = 0;  // of y
  int lo = -128, hi = 127;
};

// residual: null if none. Each step is rounded to f32: through volatile, whatever the compiler.
inline int8_t rescaled(int64_t sum, const Rescaling& r, const int8_t* residual) {
  volatile float t = static_cast<float>(static_cast<int32_t>(sum)) * r.factor;
  if (residual) {
    volatile float more = static_cast<float>(*residual - r.residual_zero) * r.residual_factor;
    t = t + more;
  }
  const auto lo = static_cast<float>(r.lo - r.zero), hi = static_cast<float>(r.hi - r.zero);
  const float held = std::min(std::max(float{t}, lo), hi);
  return static_cast<int8_t>(static_cast<int>(std::nearbyint(held)) + r.zero);
}

}  // namespace secateur::reference
