#include "kernels/movement/transpose.h"

#include <algorithm>
#include <cstring>

namespace secateur {
namespace {

constexpr int64_t kBlock = 16;  // floats of a cache line

}  // namespace

void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
               int64_t columns) {
  for (int64_t j0 = 0; j0 < columns; j0 += kBlock) {
    const int64_t j1 = std::min(columns, j0 + kBlock);
    for (int64_t i0 = 0; i0 < rows; i0 += kBlock) {
      const int64_t i1 = std::min(rows, i0 + kBlock);
      for (int64_t j = j0; j < j1; ++j) {
        float* to = y + j * y_stride;
        for (int64_t i = i0; i < i1; ++i) to[i] = x[i * x_stride + j];
      }
    }
  }
}

void gather(const float* x, int64_t step, float* y, int64_t n) {
  if (step == 1) {
    std::memcpy(y, x, static_cast<size_t>(n) * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < n; ++i) y[i] = x[i * step];
}

}  // namespace secateur
