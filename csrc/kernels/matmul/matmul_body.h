// Dense products over the vector interface of kernels/simd; matmul.h has the equation. SCT_ISA
// names the instruction set.
#include "kernels/matmul/tables.h"

namespace secateur {
namespace {
using namespace simd;

constexpr int kRows = SCT_ISA::kMatMulRows;
constexpr int kVectors = SCT_ISA::kMatMulVectors;
constexpr int kPanel = kVectors * kLanes;
static_assert(kPanel <= kWidestPanel);

template <int i, int R>
inline void add_term(const Four* a, const float* b, Vec (*sum)[kVectors]) {
  for (int v = 0; v < kVectors; ++v) {
    const Vec x = load(b + i * kPanel + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r][v] = fma_by<i>(a[r], x, sum[r][v]);
  }
}

template <int R>
void rows_of(const MatMulTile& t, int64_t first) {
  const float* row[R];
  Vec sum[R][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    row[r] = t.a + (first + r) * t.a_stride;
    for (int v = 0; v < kVectors; ++v) sum[r][v] = zero();
  }
  const float* b = t.b;
  int64_t k = 0;
  for (; k + 4 <= t.depth; k += 4, b += 4 * kPanel) {
    Four a[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) a[r] = load_four(row[r] + k);
    add_term<0, R>(a, b, sum);
    add_term<1, R>(a, b, sum);
    add_term<2, R>(a, b, sum);
    add_term<3, R>(a, b, sum);
  }
  for (; k < t.depth; ++k, b += kPanel) {
    for (int v = 0; v < kVectors; ++v) {
      const Vec x = load(b + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) sum[r][v] = fma(splat(row[r][k]), x, sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    float* y = t.y + (first + r) * t.y_stride;
    for (int v = 0; v < kVectors; ++v) {
      const int64_t left = t.columns - v * kLanes;
      const int n = left < 0 ? 0 : (left < kLanes ? static_cast<int>(left) : kLanes);
      Vec s = sum[r][v];
      if (t.add) s = add(s, load_n(y + v * kLanes, n));
      store_n(y + v * kLanes, s, n);
    }
  }
}

void multiply(const MatMulTile& t) {
  int64_t i = 0;
  for (; i + kRows <= t.rows; i += kRows) rows_of<kRows>(t, i);
  for (; i < t.rows; ++i) rows_of<1>(t, i);
}

}  // namespace

#define SCT_STRING_OF(x) #x
#define SCT_STRING(x) SCT_STRING_OF(x)
namespace SCT_ISA {
const MatMulKernel matmul = {SCT_STRING(SCT_ISA), kPanel, multiply};
}  // namespace SCT_ISA
#undef SCT_STRING
#undef SCT_STRING_OF

}  // namespace secateur
