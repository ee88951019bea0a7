// SpMM microkernels that compute in f16: those of kernels/spmm on half as many bytes, so that a
// vector holds eight positions where f32 has four.
//
//   y[row][p] = clamp((bias[row] + sum over blocks of w * x[p]) + residual[row][p])
//
// The residual comes last: a sum that began with it would round small terms to its steps.
// Each multiply-add rounds to f16 once; sums are kept in f16 throughout (docs/numerics.md has the
// bound). Streams, strips, tiles and blocks of columns are as in kernels/spmm/spmm.h. There are
// kernels where the CPU has arithmetic on f16, and nowhere else: elsewhere layers of f16 run in f32
// (ops/half/in_f32.h).
#pragma once

#include <cstdint>
#include <string>

#include "base/isa.h"

namespace secateur {

struct SpmmF16Args {
  int64_t strips;          // of mr rows each
  const int32_t* indptr;   // [strips + 1] blocks of a strip, absolute into offsets, values / mr
  const int32_t* rows;     // [strips] first row of the strip: y, residual and bias are taken at it
  const int32_t* offsets;  // [blocks] bytes from x
  const uint16_t* values;  // [blocks][mr]
  const uint16_t* x;       // activations of the tile's first position
  uint16_t* y;             // row 0, the tile's first position; nr of each row are written
  int64_t y_stride;        // elements between rows of y and of residual
  const uint16_t* bias;    // [rows], or null; read when !accumulate
  const uint16_t* residual;  // as y, or null: of the last block of columns; may be y itself
  bool accumulate;           // y holds the sum of earlier blocks of columns
  bool clamp;                // to [lo, hi]; NaN stays NaN
  uint16_t lo, hi;
};

using SpmmF16Fn = void (*)(const SpmmF16Args& args);

struct SpmmF16Kernel {
  SpmmF16Fn fn;
  Isa isa;
  uint8_t mr, nr;
};

// Every microkernel compiled into this build; none on architectures without.
const SpmmF16Kernel* spmm_f16_kernels(int* count);

// "spmm_f16_neonfp16_1x64"
std::string spmm_f16_name(const SpmmF16Kernel& kernel);

// The positions that tile widths are multiples of.
inline constexpr int kSpmmF16Unit = 8;

// The microkernel of exactly that shape, or null. Where there is one of mr rows, those of 1 ... mr
// / 2 are there, too.
SpmmF16Fn find_spmm_f16(Features have, int mr, int nr);
inline bool spmm_f16_runs(Features have) { return find_spmm_f16(have, 1, kSpmmF16Unit) != nullptr; }

}  // namespace secateur
