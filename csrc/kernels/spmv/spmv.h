// SpMV microkernels: y[row] = clamp(bias[row] + residual[row] + sum over k of w[row][k] * x[k]),
// for layers with one position (classifier heads, recurrent steps). Vectorised over output rows.
//
// Rows are grouped into slices of `lanes` (SELL-C-sigma, Kreutzer et al., 2014; sigma = all rows of
// a part: sorted by nonzeros, so that the padding of a slice to its longest row stays small). The
// streams run depth-major: values [depth][lanes], columns [depth][lanes] as u16: 6 bytes a nonzero.
// A padded slot has value 0 and a column at which the caller keeps x zero, so that no NaN or Inf of
// x leaks through it. Bound by memory for weights beyond the caches, else by the gathers.
//
// Weights that stay in the caches (a recurrent layer's, read every step) want fewer instructions a
// nonzero. Two forms have no lookup:
//
//   shared: the lanes of a slice have one list of columns, those that any of its rows has: x is
//           broadcast as in dense, and columns without a nonzero are left out. Blocks of `lanes`
//           rows fill it.
//   window: a depth is a vector of neighbours of x, of which each lane picks its own by a
//           permutation in registers. Rows take their nonzeros in ascending order, each as soon as
//           a window reaches it; a window begins at the first column that any row still wants. x
//           lies in groups of a vector less one and a zero, so that every window holds a zero,
//           which lanes without a nonzero pick. Bound by the permutations and loads, two a depth.
#pragma once

#include <cstdint>
#include <string>

#include "base/dtype.h"
#include "base/isa.h"
#include "base/spmv_form.h"

namespace secateur {

struct SpmvArgs {
  int64_t slices;
  const int32_t* depth;  // [slices + 1] start of each slice, in depths, absolute
  // sell: [depths][lanes]; shared: [depths]; window: [depths], of the first neighbour in x as it
  // lies
  const uint16_t* columns;
  // window: [(depths of a slice + 3) / 4][lanes]; four depths, a byte each from the lowest on:
  // which neighbour the lane picks
  const uint32_t* picks;
  const float* values;  // [depths][lanes]
  const int32_t* rows;  // [slices][lanes]; -1 for a lane without a row
  bool in_order;        // window: a slice's rows follow one another, as in dense and shared
  const float* x;       // dense: depth d of a slice meets x[d]
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

  int window() const { return isa_vector_floats(isa); }  // neighbours that a depth reaches
};

// Every microkernel compiled into this build, narrow before wide.
const SpmvKernel* spmv_kernels(int* count);

// "spmv_avx2_sell_8"
std::string spmv_name(const SpmvKernel& kernel);

// The one for a matrix of `rows` rows, of the best instruction set in `have` that has the form:
// slices of its widest kernel where rows fill them, of the narrow one otherwise. Null where no
// instruction set in `have` has it: sell and dense are everywhere.
const SpmvKernel* find_spmv(Features have, SpmvForm form, int64_t rows);

}  // namespace secateur
