// Depthwise convolution of one plane, a band of output rows at a time:
//
//   y[i][j] = clamp(bias + sum_{r,s} w[r][s] x[i stride_h + r dilation_h][j stride_w + s
//   dilation_w])
//
// over the zero-padded plane. `fill` copies the input rows that a band needs into a small buffer of
// padded rows, in which column p of the padded row lies at
//
//   rows + row * row_pitch + (p % stride_w) * phase_pitch + p / stride_w,
//
// so every tap of every output is one contiguous load, whatever the stride, and no tap is checked.
// The buffer stays in the first-level cache; the copy costs one load and one store per input vector
// beside kernel_h * kernel_w multiply-adds per output vector.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

// The caller zeroes the buffer once; fills of the same geometry (all but x and first_row) leave the
// left and right padding zero. Rows above or below the plane are zeroed when `clear_rows` says that
// an earlier fill may have written them.
struct DepthwiseFill {
  const float* x;  // plane [height][width]
  int64_t height, width;
  int64_t first_row, rows;  // of the plane; may begin above it and end below it
  int64_t pad_left;
  int64_t stride_w, phase_pitch, row_pitch;
  float* buffer;  // rows * row_pitch floats
  bool clear_rows;
};

struct DepthwiseBand {
  const float* buffer;  // as filled; output row 0 starts at its row 0
  int64_t phase_pitch, row_pitch;
  const float* weight;  // [kernel_h * kernel_w]
  float bias, lo, hi;
  float* y;  // [out_rows][out_width], written exactly
  int64_t out_rows, out_width;
  // The generic kernel reads these; the others know them.
  int64_t stride_h, taps;
  const int64_t* tap_offset;  // [taps]: floats from an output row's first buffer row
};

// The same output rows of several planes, read in place by kernels that need no buffer.
template <typename T>  // float, or the bits of an f16 (depthwise_f16.h)
struct DepthwisePlanesOf {
  int64_t planes;
  const T* x;  // [planes], x_stride apart: [height][width]
  int64_t x_stride, height, width;
  int64_t pad_top, pad_left;
  const T* weight;  // [planes][kernel_h * kernel_w]
  const T* bias;    // [planes], or null
  T lo, hi;
  T* y;  // [planes], y_stride apart: row first_row; [out_rows][out_width], written exactly
  int64_t y_stride, first_row, out_rows, out_width, out_height;
};

using DepthwisePlanes = DepthwisePlanesOf<float>;

using DepthwiseFillFn = void (*)(const DepthwiseFill& fill);
using DepthwiseFn = void (*)(const DepthwiseBand& band);
using DepthwisePlanesFn = void (*)(const DepthwisePlanes& planes);

struct DepthwiseKernel {
  const char* name;  // "avx512 3x3s1"
  int vector_floats;
  DepthwiseFillFn fill;
  DepthwiseFn band;
  bool generic;
  DepthwisePlanesFn direct;  // instead of fill and band where not null
};

// The kernel for a window; never fails for a usable isa. 3x3 reads planes in place where it can; of
// the rest, output rows of up to 8 floats take the 8-lane kernels on AVX-512 machines.
DepthwiseKernel select_depthwise(int kernel_h, int kernel_w, int stride_h, int stride_w,
                                 int dilation_h, int dilation_w, int pad_left, int64_t width,
                                 int64_t out_width, Features have);

// The widest plane that NEON's direct kernels take; they read a row of zeros as wide.
inline constexpr int kDepthwiseDirectWidth = 1024;

// The floats between phases of a buffer row: padded_width / stride_w, and what the last vectors
// read.
int64_t depthwise_phase_pitch(int64_t padded_width, int stride_w, int vector_floats);

}  // namespace secateur
