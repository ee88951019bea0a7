// Layer normalisation over the vector interface of kernels/simd; layer_norm.h has the equation.
// SCT_ISA names the instruction set.
#include "kernels/norm/tables.h"

namespace secateur {
namespace {
using namespace simd;

template <int V>
inline void tile_of(const LayerNormTile& t, int64_t p) {
  const Vec count = splat(static_cast<float>(t.channels));
  Vec sum[V], square[V], mean[V];
  for (int v = 0; v < V; ++v) sum[v] = zero();
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* x = t.x + c * t.x_stride + p;
    for (int v = 0; v < V; ++v) sum[v] = add(sum[v], load(x + v * kLanes));
  }
  for (int v = 0; v < V; ++v) {
    mean[v] = div(sum[v], count);
    sum[v] = square[v] = zero();
  }
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* x = t.x + c * t.x_stride + p;
    for (int v = 0; v < V; ++v) {
      const Vec d = sub(load(x + v * kLanes), mean[v]);
      sum[v] = add(sum[v], d);
      square[v] = fma(d, d, square[v]);
    }
  }
  Vec scale[V];
  for (int v = 0; v < V; ++v) {
    const Vec drift = div(sum[v], count);  // what rounding left in the mean
    mean[v] = add(mean[v], drift);
    const Vec variance = at_least(div(fnma(drift, sum[v], square[v]), count), zero());
    scale[v] = div(splat(1.f), sqrt(add(variance, splat(t.epsilon))));
  }
  for (int64_t c = 0; c < t.channels; ++c) {
    const float* x = t.x + c * t.x_stride + p;
    float* y = t.y + c * t.y_stride + p;
    const Vec gamma = splat(t.gamma != nullptr ? t.gamma[c] : 1.f);
    const Vec beta = splat(t.beta != nullptr ? t.beta[c] : 0.f);
    for (int v = 0; v < V; ++v) {
      const Vec n = mul(sub(load(x + v * kLanes), mean[v]), scale[v]);
      store(y + v * kLanes, fma(n, gamma, beta));
    }
  }
}

void planes(const LayerNormTile& t) {
  int64_t p = 0;
  for (; p + 4 * kLanes <= t.positions; p += 4 * kLanes) tile_of<4>(t, p);
  for (; p < t.positions; p += kLanes) tile_of<1>(t, p);
}

void row(const LayerNormTile& t) {
  const int64_t n = t.channels;
  const float count = static_cast<float>(n);
  const auto lanes = [n](int64_t i) { return n - i < kLanes ? static_cast<int>(n - i) : kLanes; };
  Vec s = zero();
  for (int64_t i = 0; i < n; i += kLanes) s = add(s, load_n(t.x + i, lanes(i)));
  float mean = reduce_add(s) / count;
  s = zero();
  Vec q = zero();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Vec d = sub(load(t.x + i), splat(mean));
    s = add(s, d);
    q = fma(d, d, q);
  }
  float sum = reduce_add(s), square = reduce_add(q);
  for (; i < n; ++i) {
    const float d = t.x[i] - mean;
    sum += d;
    square += d * d;
  }
  const float drift = sum / count;
  mean += drift;
  float variance = (square - drift * sum) / count;
  if (variance < 0) variance = 0;
  const float scale = 1.f / __builtin_sqrtf(variance + t.epsilon);
  for (i = 0; i < n; i += kLanes) {
    const int k = lanes(i);
    const Vec v = mul(sub(load_n(t.x + i, k), splat(mean)), splat(scale));
    const Vec gamma = t.gamma != nullptr ? load_n(t.gamma + i, k) : splat(1.f);
    const Vec beta = t.beta != nullptr ? load_n(t.beta + i, k) : zero();
    store_n(t.y + i, fma(v, gamma, beta), k);
  }
}

}  // namespace

namespace SCT_ISA {
const NormKernels norm = {
#define SCT_NORM(name, type, function) function,
#include "kernels/norm/kernels.inc"
};
}  // namespace SCT_ISA

}  // namespace secateur
