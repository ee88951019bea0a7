// Products of two dense matrices, of which none is known before a run:
//
//   y[i][j] (+)= sum_k a[i][k] b[k][j]     for all rows i and a panel of columns j
//
// A block of rows x vectors of columns stays in registers while k runs; elements of a are
// multiplied with whole vectors of b, by element where the instruction set has that. b is packed
// into panels of that width, so that it is read in order whatever its strides were. Bound by FMA: a
// panel of 256 terms stays in the first-level cache, and is read once for every `rows` rows of a.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct MatMulTile {
  const float* a;  // [rows][depth], rows a_stride floats apart
  const float* b;  // [depth][panel of the kernel], zeros behind the last column
  float* y;        // rows y_stride floats apart; `columns` floats of each are written
  int64_t a_stride, y_stride;
  int64_t rows, depth, columns;
  bool add;  // to what y holds
};

struct MatMulKernel {
  const char* name;
  int panel;  // columns
  void (*run)(const MatMulTile& tile);
};

inline constexpr int kWidestPanel = 32;

MatMulKernel select_matmul(Features have);

}  // namespace secateur
