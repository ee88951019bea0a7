// Convolution as its definition, in double:
//   y[n][o][i][j] = act(bias[o] + residual[n][o][i][j]
//       + sum over c, r, s of w[o][c][r][s] * x[n][g * C + c][i * sh + r * dh - top][j * sw + s *
//       dw - left])
// where x is 0 outside its plane, C = channels of a group, g = the group of o. Zero weights are
// left out, as a sparse layer leaves them out (0 * Inf is nothing, not NaN).
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/planes.h"

namespace secateur::reference {

struct ConvShape {
  int groups = 1;
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0;
};

struct ConvSum {
  double value;      // before the activation
  double magnitude;  // sum of |terms|: what rounding errors are relative to
  int64_t terms;
};

// One output. weight: dense [rows][cols]; bias, residual: null if none.
inline ConvSum conv_at(const ConvShape& s, const Planes& px, const float* x, const Planes& py,
                       const float* weight, const float* bias, const float* residual, int batch,
                       int row, int i, int j) {
  ConvSum out{0, 0, 0};
  auto add = [&out](double term) {
    out.value += term;
    out.magnitude += std::fabs(term);
    out.terms++;
  };
  if (bias) add(bias[row]);
  if (residual) {
    add(residual[batch * py.batch_stride + row * py.plane_stride + int64_t{i} * py.width + j]);
  }
  const int channels = px.channels / s.groups;
  const int group = row / (py.channels / s.groups);
  const float* w = weight + int64_t{row} * channels * s.kernel_h * s.kernel_w;
  for (int c = 0; c < channels; c++) {
    const float* plane =
        x + batch * px.batch_stride + (int64_t{group} * channels + c) * px.plane_stride;
    for (int r = 0; r < s.kernel_h; r++) {
      for (int t = 0; t < s.kernel_w; t++) {
        const double value = *w++;
        const int h = i * s.stride_h + r * s.dilation_h - s.pad_top;
        const int v = j * s.stride_w + t * s.dilation_w - s.pad_left;
        if (value == 0.0 || h < 0 || h >= px.height || v < 0 || v >= px.width) continue;
        add(value * plane[int64_t{h} * px.width + v]);
      }
    }
  }
  return out;
}

}  // namespace secateur::reference
