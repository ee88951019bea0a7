// Window pooling of one plane, and the reduction of a row to one value.
//
//   max:     y = max of the window's elements inside the plane; NaN when one of them is
//   average: y = sum of them / (row_count[i] * column_count[j])
//
// Separable: for each output row the window's input rows are reduced, column by column, into one
// padded row in scratch (split into phases p % stride_w, as depthwise.h does), then that row is
// reduced over the window's columns. Every load is contiguous; kernel_h + kernel_w operations an
// output instead of kernel_h * kernel_w. Bound by loads.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct PoolPlane {
  const float* x;  // [height][width]
  int64_t height, width;
  float* y;  // [out_height][out_width], written exactly
  int64_t out_height, out_width;
  int64_t kernel_h, stride_h, dilation_h, pad_top;
  int64_t kernel_w, stride_w, pad_left;
  int64_t padded_width, phase_pitch;
  const int64_t* tap_offset;  // [kernel_w] floats into the padded row
  const float* row_count;     // average: [out_height]
  const float* column_count;  // average: [out_width], readable to round_up(out_width, 16)
  float* row;                 // scratch: stride_w * phase_pitch floats
};

using PoolFn = void (*)(const PoolPlane& plane);
// Reduces x[0, n), n >= 1. Sums add vectors in f32 over blocks of 1024 floats, blocks in f64.
using ReduceFn = float (*)(const float* x, int64_t n);

PoolFn select_max_pool(Features have);
PoolFn select_average_pool(Features have);
ReduceFn select_reduce_sum(Features have);
ReduceFn select_reduce_max(Features have);  // NaN when an element is; so is
ReduceFn select_reduce_min(Features have);

}  // namespace secateur
