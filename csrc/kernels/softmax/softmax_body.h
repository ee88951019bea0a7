// Softmax over the vector interface of kernels/simd; softmax.h has the equation. SCT_ISA names
// the instruction set.
#include "kernels/simd/math.h"
#include "kernels/softmax/tables.h"

namespace secateur {
namespace {
using namespace simd;

template <int V>
inline void tile_of(const SoftmaxTile& t, int64_t p) {
  Vec top[V], sum[V];
  for (int v = 0; v < V; ++v) {
    top[v] = load(t.x + p + v * kLanes);
    sum[v] = zero();
  }
  for (int64_t c = 1; c < t.channels; ++c) {
    const float* x = t.x + c * t.x_stride + p;
    for (int v = 0; v < V; ++v) top[v] = max_nan(top[v], load(x + v * kLanes));
  }
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* x = t.x + c * t.x_stride + p;
    float* y = t.y + c * t.y_stride + p;
    for (int v = 0; v < V; ++v) {
      const Vec e = exp(sub(load(x + v * kLanes), top[v]));
      store(y + v * kLanes, e);
      sum[v] = add(sum[v], e);
    }
  }
  for (int v = 0; v < V; ++v) sum[v] = div(splat(1.f), sum[v]);
  for (int64_t c = 0; c < t.channels; ++c) {
    float* y = t.y + c * t.y_stride + p;
    for (int v = 0; v < V; ++v) store(y + v * kLanes, mul(load(y + v * kLanes), sum[v]));
  }
}

void planes(const SoftmaxTile& t) {
  int64_t p = 0;
  for (; p + 2 * kLanes <= t.positions; p += 2 * kLanes) tile_of<2>(t, p);
  for (; p < t.positions; p += kLanes) tile_of<1>(t, p);
}

void row(const SoftmaxTile& t) {
  const int64_t n = t.channels;
  float top = t.x[0];
  if (n >= kLanes) {
    Vec v = load(t.x);
    for (int64_t i = kLanes; i + kLanes <= n; i += kLanes) v = max_nan(v, load(t.x + i));
    top = reduce_max(max_nan(v, load(t.x + n - kLanes)));
  } else {
    for (int64_t i = 1; i < n; ++i) top = top != top ? top : (top > t.x[i] ? top : t.x[i]);
  }
  Vec s = zero();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec e = exp(sub(load(t.x + i), splat(top)));
    store(t.y + i, e);
    s = add(s, e);
  }
  float sum = reduce_add(s);
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_n(t.y + i, exp(sub(load_n(t.x + i, rest), splat(top))), rest);
    for (int64_t j = i; j < n; ++j) sum += t.y[j];
  }
  const Vec scale = splat(1.f / sum);
  for (i = 0; i + kLanes <= n; i += kLanes) store(t.y + i, mul(load(t.y + i), scale));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_n(t.y + i, mul(load_n(t.y + i, rest), scale), rest);
  }
}

}  // namespace

namespace SCT_ISA {
const SoftmaxKernels softmax = {
#define SCT_SOFTMAX(name, type, function) function,
#include "kernels/softmax/kernels.inc"
};
}  // namespace SCT_ISA

}  // namespace secateur
