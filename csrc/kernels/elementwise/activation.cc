#include "kernels/elementwise/activation.h"

#include <cmath>

namespace secateur {
namespace {

float clamp(float x, float lo, float hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

template <typename F>
void map(float* data, int64_t n, F f) {
  for (int64_t i = 0; i < n; ++i) data[i] = f(data[i]);
}

void none(float*, int64_t, float, float) {}
void relu(float* d, int64_t n, float, float) {
  map(d, n, [](float x) { return x < 0 ? 0.f : x; });
}
void clamp_to(float* d, int64_t n, float a, float b) {
  map(d, n, [=](float x) { return clamp(x, a, b); });
}
void leaky_relu(float* d, int64_t n, float a, float) {
  map(d, n, [=](float x) { return x < 0 ? a * x : x; });
}
void hard_swish(float* d, int64_t n, float, float) {
  map(d, n, [](float x) { return x * clamp(x + 3, 0, 6) / 6; });
}
void hard_sigmoid(float* d, int64_t n, float, float) {
  map(d, n, [](float x) { return clamp(x + 3, 0, 6) / 6; });
}
void sigmoid(float* d, int64_t n, float, float) {
  map(d, n, [](float x) { return 1 / (1 + std::exp(-x)); });
}
void silu(float* d, int64_t n, float, float) {
  map(d, n, [](float x) { return x / (1 + std::exp(-x)); });
}
void tanh_of(float* d, int64_t n, float, float) {
  map(d, n, [](float x) { return std::tanh(x); });
}
void gelu(float* d, int64_t n, float, float) {
  map(d, n, [](float x) { return 0.5f * x * (1 + std::erf(x * 0.70710678f)); });
}
void gelu_tanh(float* d, int64_t n, float, float) {
  map(d, n, [](float x) {
    return 0.5f * x * (1 + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
  });
}

constexpr ActivationFn kScalar[kActivationKinds] = {
    none,    relu, clamp_to, leaky_relu, hard_swish, hard_sigmoid,
    sigmoid, silu, tanh_of,  gelu,       gelu_tanh,
};

}  // namespace

ActivationFn select_activation(int kind, Isa isa) {
  (void)isa;
  return kind >= 0 && kind < kActivationKinds ? kScalar[kind] : nullptr;
}

}  // namespace secateur
