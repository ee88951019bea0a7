#include "ops/conv/split.h"

#include <algorithm>

namespace secateur {

ConvSplit plan_split(const ConvDesc& d) {
  const Window& w = d.window;
  ConvSplit split;
  if (w.stride_h == 1 && w.stride_w == 1) return split;
  if ((d.x.width + w.stride_w - 1) / w.stride_w > d.y.width) return split;
  split.used = true;
  const int64_t rows = (d.x.height + w.stride_h - 1) / w.stride_h;
  split.phase_floats = (round_up(rows * d.y.width, kLineFloats) / kLineFloats | 1) * kLineFloats;
  split.slots.assign(static_cast<size_t>(w.stride_h) * w.stride_w, -1);
  for (int r = 0; r < w.kernel_h; r++) {
    for (int s = 0; s < w.kernel_w; s++) {
      const int a = floor_mod(r * w.dilation_h - w.pad_top, w.stride_h);
      const int b = floor_mod(s * w.dilation_w - w.pad_left, w.stride_w);
      int32_t& slot = split.slots[a * w.stride_w + b];
      if (slot < 0) slot = split.phases++;
    }
  }
  return split;
}

template <typename T>
void split_plane(const ConvDesc& d, const ConvSplit& split,
                 void (*split_rows)(const SplitArgsOf<T>&), const T* x, T* out) {
  const Window& w = d.window;
  const int64_t x_pitch = int64_t{w.stride_h} * d.x.width;
  for (int a = 0; a < w.stride_h; a++) {
    const T* first = x + int64_t{a} * d.x.width;
    const int64_t rows = (int64_t{d.x.height} - a + w.stride_h - 1) / w.stride_h;
    const auto phase = [&](int b) {
      const int slot = split.slot(w, a, b);
      return slot < 0 ? nullptr : out + slot * split.phase_floats;
    };
    if (w.stride_w == 2) {
      split_rows({first, rows, d.x.width, x_pitch, phase(0), phase(1), d.y.width});
      continue;
    }
    for (int b = 0; b < w.stride_w; b++) {
      T* to = phase(b);
      const int count = (d.x.width - b + w.stride_w - 1) / w.stride_w;
      for (int64_t row = 0; to && row < rows; row++, to += d.y.width) {
        const T* in = first + row * x_pitch + b;
        for (int j = 0; j < count; j++) to[j] = in[int64_t{j} * w.stride_w];
      }
    }
  }
}

template void split_plane(const ConvDesc&, const ConvSplit&, SplitFn, const float*, float*);
template void split_plane(const ConvDesc&, const ConvSplit&, SplitF16Fn, const uint16_t*,
                          uint16_t*);

}  // namespace secateur
