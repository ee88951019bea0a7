// SpMV microkernels: y[row] = clamp(bias[row] + residual[row] + sum over k of w[row][k] * x[k]),
// for layers with one position (classifier heads, recurrent steps). Vectorised over output rows.
//
// Rows are grouped into slices of `lanes` (SELL-C-sigma, Kreutzer et al., 2014; sigma = all rows of
// a part: sorted by nonzeros, so that the padding of a slice to its longest row stays small). The
// streams run depth-major: values [depth][lanes], columns [depth][lanes] as u16: 6 bytes a nonzero.
// A padded slot has value 0 and a column at which the caller keeps x zero, so that no NaN or Inf of
// x leaks through it. Bound by memory for weights beyond the caches, else by the gathers.
#pragma once

#include <cstdint>
#include <string>

#include "base/dtype.h"
#include "base/isa.h"

namespace secateur {

enum class SpmvForm : uint8_t { sell = 0, dense };

struct SpmvArgs {
  int64_t slices;
  const int32_t* depth;     // [slices + 1] start of each slice, in depths, absolute
  const uint16_t* columns;  // sell: [depths][lanes]
  const float* values;      // [depths][lanes]
  const int32_t* rows;      // [slices][lanes]; -1 for a lane without a row
  const float* x;           // dense: depth d of a slice meets x[d]
  float* y;
  const float* bias;      // or null; read when !accumulate
  const float* residual;  // or null; read when !accumulate; may be y
  bool accumulate;        // y holds the sum over earlier columns
  bool clamp;             // to [lo, hi]; NaN stays NaN
  float lo, hi;
};

using SpmvFn = void (*)(const SpmvArgs& args);

struct SpmvKernel {
  SpmvFn fn;
  Isa isa;        // whose features it needs
  DType x, w, y;  // vector, weights, results
  SpmvForm form;
  uint8_t lanes;
};

// Every microkernel compiled into this build, narrow before wide.
const SpmvKernel* spmv_kernels(int* count);

// "spmv_avx2_sell_8"
std::string spmv_name(const SpmvKernel& kernel);

// The one for a matrix of `rows` rows, of the best instruction set in `have` that has the form:
// slices of its widest kernel where rows fill them, of the narrow one otherwise. Never null.
const SpmvKernel* find_spmv(Features have, SpmvForm form, int64_t rows);

}  // namespace secateur
