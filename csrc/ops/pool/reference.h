// Pooling as its definition, in double. Divisors: `average` counts the window's elements inside the
// plane, `average_counting_pad` those inside the padded extent [-pad_top, height + pad_bottom) x
// ...
#pragma once

#include <cmath>
#include <limits>

#include "ops/common/reference_index.h"

namespace secateur::reference {

struct PoolShape {
  int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

inline double max_pool_at(const PoolShape& s, const Planes& px, const float* x, int batch,
                          int channel, int i, int j) {
  double best = -std::numeric_limits<double>::infinity();
  for (int r = 0; r < s.kernel_h; ++r) {
    for (int t = 0; t < s.kernel_w; ++t) {
      const int row = i * s.stride_h + r * s.dilation_h - s.pad_top;
      const int column = j * s.stride_w + t * s.dilation_w - s.pad_left;
      if (row < 0 || row >= px.height || column < 0 || column >= px.width) continue;
      const double v = x[index(px, batch, channel, row, column)];
      if (v > best || std::isnan(v)) best = v;
      if (std::isnan(v)) return v;
    }
  }
  return best;
}

inline double average_pool_at(const PoolShape& s, bool counting_pad, const Planes& px,
                              const float* x, int batch, int channel, int i, int j) {
  double sum = 0;
  int count = 0;
  for (int r = 0; r < s.kernel_h; ++r) {
    for (int t = 0; t < s.kernel_w; ++t) {
      const int row = i * s.stride_h + r * s.dilation_h - s.pad_top;
      const int column = j * s.stride_w + t * s.dilation_w - s.pad_left;
      const bool inside = row >= 0 && row < px.height && column >= 0 && column < px.width;
      const bool in_padded = row >= -s.pad_top && row < px.height + s.pad_bottom &&
                             column >= -s.pad_left && column < px.width + s.pad_right;
      if (inside) sum += x[index(px, batch, channel, row, column)];
      count += counting_pad ? in_padded : inside;
    }
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace secateur::reference
