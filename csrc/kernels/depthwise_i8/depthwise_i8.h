// Depthwise convolution of i8: one filter per channel, sums in i32, rescaled to i8
// (docs/numerics.md).
//
// Four taps of a row side by side are what instructions for products of bytes want. So the input
// rows of a band are first laid out in groups of 16 bytes, for each output column and each of the
// quad's four channels the four inputs under taps 4 g ... 4 g + 3. Whatever the stride and the
// dilation, output q of the band then adds up groups at fixed distances from its own place, and a
// band is one run of outputs: rows follow each other without a gap.
//
//   sum[q][c] = bias[c] + sum over t of weight[t][c] . groups[offset[t] + 16 q][c]
//
// A window of 3x3 over neighbouring elements needs no groups in memory where the instruction set
// can make them in registers (plane3x3): three to four times as fast on small planes.
//
// x86's dot products take one unsigned operand: there the bytes are + 128, which the bias
// makes up for, as for the zero point.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

// Outputs that a kernel works on at once, at most: groups are readable that far behind the last.
inline constexpr int64_t kDepthwiseI8Outputs = 16;

struct DepthwiseI8Band {
  const int8_t* groups;
  const int64_t* offset;  // [taps] bytes from groups
  int64_t taps;           // of groups: kernel_h * ceil(kernel_w / 4)
  const int8_t* weight;   // [taps][4 channels][4]
  const int32_t* bias;    // [4 channels]
  const float* scale;     // [4]
  int32_t zero, lo, hi;   // of y: lo and hi are codes
  int8_t* y;              // [outputs][4], written exactly
  int64_t outputs;
};

// A row of the input to groups.
struct DepthwiseI8Row {
  const int8_t* line;  // [columns][4], padding included; 64 bytes behind the last are readable
  int64_t stride, dilation;
  int64_t outputs;  // as many groups, and what fills a vector behind them
  int8_t* groups;
};

// Rows of one quad's output by a window of 3x3, dilation 1, stride 1 or 2, read in place.
struct DepthwiseI8Plane {
  const int8_t* x;  // the whole plane
  int64_t width, height;
  int64_t out_width, first, rows;  // rows [first, first + rows)
  int64_t pad_top, pad_left, stride;
  int8_t fill;           // padding, as it stands in x
  DepthwiseI8Band band;  // weight ... hi, and y of row `first`; the rest says nothing
};

struct DepthwiseI8Kernel {
  Isa isa;
  const char* name;
  void (*band)(const DepthwiseI8Band& band);
  void (*group)(const DepthwiseI8Row& row);
  // Where the bytes of a line are to be + 128: `bytes` of x so into `line`. Else null.
  void (*offset)(const int8_t* x, int64_t bytes, int8_t* line);
  // Or null.
  void (*plane3x3)(const DepthwiseI8Plane& plane) = nullptr;
};

const DepthwiseI8Kernel& select_depthwise_i8(Features have);

}  // namespace secateur
