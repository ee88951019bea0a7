// Moving floats between layouts.
#pragma once

#include <cstdint>

namespace secateur {

// y[j * y_stride + i] = x[i * x_stride + j] for i in [0, rows), j in [0, columns). By blocks of 16
// x 16, so that the lines written are still in cache for the next row. Bound by memory.
void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
               int64_t columns);

// y[i] = x[i * step] for i in [0, n).
void gather(const float* x, int64_t step, float* y, int64_t n);

}  // namespace secateur
