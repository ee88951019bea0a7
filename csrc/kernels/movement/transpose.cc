#include "kernels/movement/transpose.h"

#include <algorithm>
#include <cstring>

namespace secateur {
namespace {

constexpr int64_t kBlock = 16;  // floats of a cache line

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define SCT_SHUFFLES
#endif
#endif

#ifdef SCT_SHUFFLES
// Four floats: a register of AArch64's and x86-64's baselines alike.
typedef float Four __attribute__((vector_size(16)));

inline Four load(const float* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Four v) { std::memcpy(p, &v, sizeof v); }

inline void transpose_4x4(const float* x, int64_t x_stride, float* y, int64_t y_stride) {
  const Four a = load(x), b = load(x + x_stride), c = load(x + 2 * x_stride),
             d = load(x + 3 * x_stride);
  const Four ab_lo = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Four ab_hi = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Four cd_lo = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Four cd_hi = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(y, __builtin_shufflevector(ab_lo, cd_lo, 0, 1, 4, 5));
  store(y + y_stride, __builtin_shufflevector(ab_lo, cd_lo, 2, 3, 6, 7));
  store(y + 2 * y_stride, __builtin_shufflevector(ab_hi, cd_hi, 0, 1, 4, 5));
  store(y + 3 * y_stride, __builtin_shufflevector(ab_hi, cd_hi, 2, 3, 6, 7));
}
#endif

// One block, in squares of four and what they leave over.
void transpose_block(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
                     int64_t columns) {
  int64_t whole_rows = 0, whole_columns = 0;
#ifdef SCT_SHUFFLES
  whole_rows = rows & ~int64_t{3};
  whole_columns = columns & ~int64_t{3};
  for (int64_t j = 0; j < whole_columns; j += 4) {
    for (int64_t i = 0; i < whole_rows; i += 4) {
      transpose_4x4(x + i * x_stride + j, x_stride, y + j * y_stride + i, y_stride);
    }
  }
#endif
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = j < whole_columns ? whole_rows : 0; i < rows; ++i) {
      y[j * y_stride + i] = x[i * x_stride + j];
    }
  }
}

}  // namespace

void transpose(const float* x, int64_t x_stride, float* y, int64_t y_stride, int64_t rows,
               int64_t columns) {
  for (int64_t j = 0; j < columns; j += kBlock) {
    for (int64_t i = 0; i < rows; i += kBlock) {
      transpose_block(x + i * x_stride + j, x_stride, y + j * y_stride + i, y_stride,
                      std::min(kBlock, rows - i), std::min(kBlock, columns - j));
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
