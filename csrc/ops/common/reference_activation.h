// Activations and binary operators as their definitions, in double. Kinds as in ops/op.h.
#pragma once

#include <cmath>

namespace secateur::reference {

inline double clamp(double x, double lo, double hi) {
  if (x < lo) x = lo;
  if (x > hi) x = hi;
  return x;
}

inline double activation(int kind, double x, double a, double b) {
  switch (kind) {
    case 1:  // relu
      return x < 0 ? 0 : x;
    case 2:  // clamp
      return clamp(x, a, b);
    case 3:  // leaky_relu
      return x < 0 ? a * x : x;
    case 4:  // hard_swish
      return x * clamp(x + 3, 0, 6) / 6;
    case 5:  // hard_sigmoid
      return clamp(x + 3, 0, 6) / 6;
    case 6:  // sigmoid
      return 1 / (1 + std::exp(-x));
    case 7:  // silu
      return x / (1 + std::exp(-x));
    case 8:  // tanh
      return std::tanh(x);
    case 9:  // gelu
      return 0.5 * x * (1 + std::erf(x * std::sqrt(0.5)));
    case 10:  // gelu_tanh
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case 11:  // elu
      return x > 0 ? x : a * std::expm1(x);
    case 12:  // mish
      return x * std::tanh(x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)));
    case 13:  // softplus
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case 14:  // exp
      return std::exp(x);
    case 15:  // log
      return std::log(x);
    case 16:  // sqrt
      return std::sqrt(x);
    case 17:  // rsqrt
      return 1 / std::sqrt(x);
    case 18:  // abs
      return std::fabs(x);
    case 19:  // sin
      return std::sin(x);
    case 20:  // cos
      return std::cos(x);
    case 21:  // erf
      return std::erf(x);
    case 22:  // floor
      return std::floor(x);
    case 23:  // round
      return std::nearbyint(x);
    case 24:  // atan
      return std::atan(x);
    default:  // none
      return x;
  }
}

}  // namespace secateur::reference
