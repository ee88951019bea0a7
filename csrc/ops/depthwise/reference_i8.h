// Depthwise convolution of i8 as its definition: exact sums, each later step rounded to f32.
// Padding is x's zero point, which adds nothing.
#pragma once

#include "ops/common/reference_codes.h"
#include "ops/depthwise/depthwise_i8.h"

namespace secateur::reference {

inline int32_t depthwise_i8_at(const DepthwiseI8Desc& d, const int8_t* x, int batch, int channel,
                               int i, int j) {
  const Window& w = d.window;
  int64_t sum = d.bias ? d.bias[channel] : 0;
  const int8_t* weight = d.weight + int64_t{channel} * w.kernel_h * w.kernel_w;
  for (int r = 0; r < w.kernel_h; ++r) {
    for (int s = 0; s < w.kernel_w; ++s, ++weight) {
      const int row = i * w.stride_h + r * w.dilation_h - w.pad_top;
      const int column = j * w.stride_w + s * w.dilation_w - w.pad_left;
      if (row < 0 || row >= d.x.height || column < 0 || column >= d.x.width) continue;
      const int64_t at = code_index(d.x, batch, channel, int64_t{row} * d.x.width + column);
      sum += int64_t{*weight} * (x[at] - d.x_scale.zero);
    }
  }
  const float scale = factor(double{d.x_scale.scale} * d.scales[channel], double{d.y_scale.scale});
  const float t = static_cast<float>(static_cast<int32_t>(sum)) * scale;
  return nearest_code(t, d.y_scale.zero, code_range(d.activation, d.y_scale));
}

}  // namespace secateur::reference
