// A product of matrices as its definition, in double.
#pragma once

#include <cmath>
#include <cstdint>

namespace secateur::reference {

struct Sum {
  double value = 0, magnitude = 0;  // sum a b, sum |a b|
};

// Element (i, j) of a [rows][depth] times b [depth][cols], either stored transposed.
inline Sum product_at(const float* a, const float* b, int64_t i, int64_t j, int64_t rows,
                      int64_t depth, int64_t cols, bool transposed_a, bool transposed_b) {
  Sum sum;
  for (int64_t k = 0; k < depth; ++k) {
    const double m = transposed_a ? a[k * rows + i] : a[i * depth + k];
    const double n = transposed_b ? b[j * depth + k] : b[k * cols + j];
    sum.value += m * n;
    sum.magnitude += std::fabs(m * n);
  }
  return sum;
}

}  // namespace secateur::reference
