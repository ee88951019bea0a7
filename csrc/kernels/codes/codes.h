// Elementwise work, pooling and conversions of i8 in planes4 (docs/numerics.md).
//
// A position's four channels are one u32, a quad, and what is computed of a quad is computed of the
// whole vector of quads at once: shifts take a channel out and put it back, nothing crosses lanes.
// So these are loops in plain C++ that compilers vectorise, compiled for each instruction set.
//
// n: quads, or numbers; all are worked on up to the next multiple of kCodesStep, for which planes
// have room. y may be an input.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

inline constexpr int64_t kCodesStep = 16;

// A number to a code: rint(min(max(t, lo - zero), hi - zero)) + zero. u8 is i8 with the sign bit
// flipped and a zero point 128 less: x_flip and y_flip are 0x80808080 there, else 0.
struct ToCode {
  int32_t zero = 0, lo = -128, hi = 127;
  uint32_t x_flip = 0, y_flip = 0;
};

struct BinaryCodes {
  const uint32_t *a, *b;
  bool one;  // b is one quad, for all positions
  uint32_t* y;
  int64_t n;
  int32_t a_zero, b_zero;
  float a_factor, b_factor;  // of products a_factor alone
  ToCode to;
};

struct PoolCodes {
  const uint32_t* x;
  int64_t height, width;
  uint32_t* y;
  int64_t out_height, out_width;
  int64_t kernel_h, stride_h, dilation_h, pad_top;
  int64_t kernel_w, stride_w, dilation_w, pad_left;
  int32_t zero;         // of x
  const float* factor;  // [kernel_h * kernel_w + 1], by the elements that count; max: [0]
  const int32_t* rows;  // average: [out_height], [out_width] of them; max: null
  const int32_t* columns;
  void* line;  // scratch: pool_line_bytes
  ToCode to;
};

// Of a maximum a padded line and an output's; of an average a line of sums.
inline int64_t pool_line_bytes(const PoolCodes& p) {
  const int64_t last = (p.out_width - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
  const int64_t whole = p.pad_left + p.width;
  const int64_t greatest = (last > whole ? last : whole) + p.out_width, sums = 4 * p.width;
  return ((greatest > sums ? greatest : sums) * 4 + 127) / 64 * 64;
}

struct CodesKernels {
  // Four planes, or one row of channels, to codes: t = x * factor, NaN gives the zero point.
  void (*quantise)(const float* const* x, uint32_t* y, int64_t n, float factor, const ToCode& to);
  void (*quantise_row)(const float* x, uint8_t* y, int64_t n, float factor, const ToCode& to);
  // Channel `k` of quads, or a row of channels, to (code - zero) * scale.
  void (*dequantise)(const uint32_t* x, int k, float* y, int64_t n, float scale, const ToCode& of);
  void (*dequantise_row)(const uint8_t* x, float* y, int64_t n, float scale, const ToCode& of);
  // t = (code - x_zero) * factor
  void (*requantise)(const uint32_t* x, uint32_t* y, int64_t n, int32_t x_zero, float factor,
                     const ToCode& to);
  void (*add)(const BinaryCodes& args);
  void (*mul)(const BinaryCodes& args);
  void (*pool)(const PoolCodes& args);
  // Of exactly n quads: four channels' sums of codes, and greatest codes.
  void (*sum)(const uint32_t* x, int64_t n, int32_t* out);
  void (*max)(const uint32_t* x, int64_t n, int32_t* out);
  // y[i] = table[x[i]], of exactly so many bytes.
  void (*look_up)(const uint8_t* x, uint8_t* y, int64_t bytes, const uint8_t* table);
};

const CodesKernels& select_codes(Features have);

}  // namespace secateur
