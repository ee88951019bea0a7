// Rows and columns resampled (format/model.fbs, Resize), in two steps with a row in between:
//
//   combine_rows     y[j] = sum_t weight[t] x_t[j]               taps rows of a plane into one
//   gather_columns   y[j] = sum_t weight[t][j] x[index[t][j]]    one row at other places
//
// Bound by loads: taps of them per element of the output, and in the second step gathered one by
// one (by the gather instruction of AVX2 and AVX-512, which is no faster than the loads it makes).
// The first step is taken once per output row, so that its rows are read as whole vectors. Sums in
// the order of the taps, each multiply-add rounded once (scalar: twice where the CPU has no fused
// one).
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

// x: the rows; y: n floats, no more are written. weight: [taps].
using CombineRowsFn = void (*)(const float* const* x, const float* weight, int taps, float* y,
                               int64_t n);

// index, weight: [taps][pitch], pitch a multiple of 16 that reaches n; entries behind n are places
// of x too. weight is null where taps is 1 and the element is copied. y: n floats, no more are
// written.
struct ColumnTable {
  const int32_t* index;
  const float* weight;
  int taps;
  int64_t pitch;
  int64_t n;
};
using GatherColumnsFn = void (*)(const float* x, const ColumnTable& table, float* y);

CombineRowsFn select_combine_rows(Features have);
GatherColumnsFn select_gather_columns(Features have);

}  // namespace secateur
