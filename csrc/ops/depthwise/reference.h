// Depthwise convolution as its definition, in double:
//   y[n][c][i][j] = bias[c] + sum over r, s of w[c][r][s] x[n][c][i sh + r dh - top][j sw + s dw -
//   left]
// Taps outside the plane are left out.
#pragma once

#include <cmath>

#include "ops/common/reference_index.h"

namespace secateur::reference {

struct DepthwiseShape {
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0;
};

struct DepthwiseSum {
  double value = 0;
  double magnitude = 0;  // sum of |terms|: what rounding errors are relative to
};

inline DepthwiseSum depthwise_at(const DepthwiseShape& s, const Planes& px, const float* x,
                                 const float* weight, const float* bias, int batch, int channel,
                                 int i, int j) {
  DepthwiseSum out;
  if (bias != nullptr) {
    out.value = bias[channel];
    out.magnitude = std::fabs(out.value);
  }
  const float* w = weight + int64_t{channel} * s.kernel_h * s.kernel_w;
  for (int r = 0; r < s.kernel_h; ++r) {
    for (int t = 0; t < s.kernel_w; ++t, ++w) {
      const int row = i * s.stride_h + r * s.dilation_h - s.pad_top;
      const int column = j * s.stride_w + t * s.dilation_w - s.pad_left;
      if (row < 0 || row >= px.height || column < 0 || column >= px.width) continue;
      const double term = double{*w} * x[index(px, batch, channel, row, column)];
      out.value += term;
      out.magnitude += std::fabs(term);
    }
  }
  return out;
}

}  // namespace secateur::reference
