#include "runtime/ops/conv_panel.h"

#include <algorithm>
#include <cstring>

namespace secateur {
namespace {

// out[i] = row[col0 + (first + i) * stride] for i in [0, count), zero outside [0, width).
void copy_row(const float* row, int64_t width, int64_t col0, int64_t stride, int64_t first,
              int64_t count, float* out) {
  // Columns c = col0 + q * stride within [0, width): q in [begin, end).
  int64_t begin = col0 >= 0 ? 0 : (-col0 + stride - 1) / stride;
  int64_t end = col0 >= width ? 0 : (width - col0 + stride - 1) / stride;
  begin = std::min(std::max(begin, first), first + count);
  end = std::min(std::max(end, begin), first + count);
  int64_t i = 0;
  for (; i < begin - first; i++) out[i] = 0.0f;
  const float* in = row + col0 + begin * stride;
  const int64_t valid = end - first;
  if (stride == 1) {
    for (; i < valid; i++) out[i] = *in++;
  } else if (stride == 2) {
    for (; i < valid; i++, in += 2) out[i] = *in;
  } else {
    for (; i < valid; i++, in += stride) out[i] = *in;
  }
  for (; i < count; i++) out[i] = 0.0f;
}

}  // namespace

void pack_panel(const ConvDesc& desc, const ConvPlan& plan, const ConvTile& tile, int32_t run_begin,
                int32_t run_end, const float* x, float* panel) {
  const Window& w = desc.window;
  const int64_t out_width = desc.y.width;
  const int64_t length = tile.nr + plan.run_length;
  for (int32_t i = run_begin; i < run_end; i++) {
    const PanelRun& run = plan.runs[i];
    const float* plane = x + run.channel * desc.x.plane_stride;
    float* out = panel + (i - run_begin) * plan.run_floats;
    int64_t out_row = tile.position / out_width, out_col = tile.position % out_width;
    for (int64_t at = 0; at < length;) {
      const int64_t count = std::min(out_width - out_col, length - at);
      const int64_t row = out_row * w.stride_h + run.row0;
      if (row < 0 || row >= desc.x.height) {
        std::memset(out + at, 0, count * sizeof(float));
      } else {
        copy_row(plane + row * desc.x.width, desc.x.width, run.col0, w.stride_w, out_col, count,
                 out + at);
      }
      at += count;
      out_col = 0;
      out_row++;
    }
  }
}

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
