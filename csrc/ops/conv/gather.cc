#include "ops/conv/gather.h"

#include <cstdint>

namespace secateur {

void gather_window(const ConvDesc& desc, const float* x, float* out) {
  const Window& w = desc.window;
  const int channels = desc.x.channels / desc.groups;
  for (int c = 0; c < channels; c++) {
    const float* plane = x + c * desc.x.plane_stride;
    for (int r = 0; r < w.kernel_h; r++) {
      const int row = r * w.dilation_h - w.pad_top;
      for (int s = 0; s < w.kernel_w; s++) {
        const int col = s * w.dilation_w - w.pad_left;
        const bool inside = row >= 0 && row < desc.x.height && col >= 0 && col < desc.x.width;
        *out++ = inside ? plane[int64_t{row} * desc.x.width + col] : 0.0f;
      }
    }
  }
}

}  // namespace secateur
