// Depthwise 3x3 of f16, planes read in place: the geometries of depthwise.h's direct kernels on a
// CPU that computes in f16. Others run in f32 (ops/half/in_f32.h).
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct DepthwiseF16Planes {
  int64_t planes;
  const uint16_t* x;  // [planes], x_stride apart: [height][width]
  int64_t x_stride, height, width;
  int64_t pad_top;         // and one column on the left
  const uint16_t* weight;  // [planes][9]
  const uint16_t* bias;    // [planes]
  uint16_t lo, hi;
  uint16_t* y;  // [planes], y_stride apart: row first_row; [out_rows][out_width], written exactly,
                // but for what lies behind the plane's last row
  int64_t y_stride, first_row, out_rows, out_width, out_height;
};

using DepthwiseF16Fn = void (*)(const DepthwiseF16Planes& planes);

// The widest plane that they take; they read a row of zeros as wide.
inline constexpr int kDepthwiseF16Width = 1024;

// The kernel for 3x3 with one column of padding on the left, or null where there is none. spare:
// elements behind a plane's last position that may be read.
DepthwiseF16Fn select_depthwise_f16(int stride, int64_t width, int64_t out_width, int64_t spare,
                                    Features have);

}  // namespace secateur
