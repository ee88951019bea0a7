// SpMM microkernels that compute in f16: those of kernels/spmm on half as many bytes, so that a
// vector holds eight positions where f32 has four.
//
//   y[row][p] = clamp((bias[row] + sum over blocks of w * x[p]) + residual[row][p])
//
// Each multiply-add rounds to f16 once; sums are kept in f16 throughout (docs/numerics.md has the
// bound). Streams, strips, tiles and blocks of columns are as in kernels/spmm/spmm.h. There are
// kernels where the CPU has arithmetic on f16, and nowhere else: elsewhere layers of f16 run in f32
// (ops/half/in_f32.h).
#pragma once

#include <cstdint>
#include <string>

#include "base/isa.h"
#include "kernels/spmm/spmm.h"

namespace secateur {

using SpmmF16Args = SpmmArgsOf<uint16_t>;
using SpmmF16Fn = SpmmFnOf<uint16_t>;

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
