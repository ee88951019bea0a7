// Activations and binary operators over the vector interface of kernels/simd: whole vectors, then
// one partial vector. Bound by memory, but for the transcendental ones, which are bound by FMA
// (some 20 per vector). SCT_ISA names the instruction set.
#include "kernels/elementwise/tables.h"
#include "kernels/simd/math.h"

namespace secateur {
namespace {
using namespace simd;

struct None {
  None(float, float) {}
  Vec operator()(Vec x) const { return x; }
};
struct Relu {
  Relu(float, float) {}
  Vec operator()(Vec x) const { return at_least(x, zero()); }
};
struct Clamp {
  Clamp(float a, float b) : lo(splat(a)), hi(splat(b)) {}
  Vec operator()(Vec x) const { return at_most(at_least(x, lo), hi); }
  Vec lo, hi;
};
struct LeakyRelu {
  LeakyRelu(float a, float) : slope(splat(a)) {}
  Vec operator()(Vec x) const { return select(less(x, zero()), mul(slope, x), x); }
  Vec slope;
};
struct HardSigmoid {
  HardSigmoid(float, float) {}
  Vec operator()(Vec x) const {
    const Vec shifted = at_most(at_least(add(x, splat(3.f)), zero()), splat(6.f));
    return mul(shifted, splat(1.f / 6.f));
  }
};
struct HardSwish {
  HardSwish(float, float) {}
  Vec operator()(Vec x) const { return mul(x, HardSigmoid(0, 0)(x)); }
};
struct Sigmoid {
  Sigmoid(float, float) {}
  Vec operator()(Vec x) const { return sigmoid(x); }
};
struct Silu {
  Silu(float, float) {}
  Vec operator()(Vec x) const { return mul(x, sigmoid(x)); }
};
struct Tanh {
  Tanh(float, float) {}
  Vec operator()(Vec x) const { return tanh(x); }
};
struct Gelu {
  Gelu(float, float) {}
  Vec operator()(Vec x) const {
    const Vec e = erf(mul(x, splat(0.70710678f)));
    return mul(mul(x, splat(0.5f)), add(e, splat(1.f)));
  }
};
struct GeluTanh {
  GeluTanh(float, float) {}
  Vec operator()(Vec x) const {
    const Vec cubic = fma(mul(mul(x, x), splat(0.044715f)), x, x);
    const Vec t = tanh(mul(cubic, splat(0.79788456f)));
    return mul(mul(x, splat(0.5f)), add(t, splat(1.f)));
  }
};
struct Elu {
  Elu(float a, float) : scale(splat(a)) {}
  Vec operator()(Vec x) const { return select(less(zero(), x), x, mul(scale, expm1_below(x))); }
  Vec scale;
};
struct Mish {  // tanh(ln(1 + e)) = n / (n + 2) with n = e (e + 2)
  Mish(float, float) {}
  Vec operator()(Vec x) const {
    const Vec e = exp(at_most(x, splat(20.f))), n = mul(e, add(e, splat(2.f)));
    return mul(x, div(n, add(n, splat(2.f))));
  }
};
struct Softplus {
  Softplus(float, float) {}
  Vec operator()(Vec x) const {
    return add(at_least(x, zero()), log1p_unit(exp(sub(zero(), abs(x)))));
  }
};
struct Exp {
  Exp(float, float) {}
  Vec operator()(Vec x) const { return exp(x); }
};
struct Log {
  Log(float, float) {}
  Vec operator()(Vec x) const { return log(x); }
};
struct Sqrt {
  Sqrt(float, float) {}
  Vec operator()(Vec x) const { return sqrt(x); }
};
struct Rsqrt {
  Rsqrt(float, float) {}
  Vec operator()(Vec x) const { return div(splat(1.f), sqrt(x)); }
};
struct Abs {
  Abs(float, float) {}
  Vec operator()(Vec x) const { return abs(x); }
};
struct Sin {
  Sin(float, float) {}
  Vec operator()(Vec x) const { return sin(x); }
};
struct Cos {
  Cos(float, float) {}
  Vec operator()(Vec x) const { return cos(x); }
};
struct Erf {
  Erf(float, float) {}
  Vec operator()(Vec x) const { return erf(x); }
};
struct Floor {
  Floor(float, float) {}
  Vec operator()(Vec x) const { return floor(x); }
};
struct Round {
  Round(float, float) {}
  Vec operator()(Vec x) const { return round_any(x); }
};
struct Atan {
  Atan(float, float) {}
  Vec operator()(Vec x) const { return atan(x); }
};

template <typename F>
__attribute__((noinline)) void unary(const float* x, float* y, int64_t n, float a, float b) {
  const F f(a, b);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_n(y + i, f(load_n(x + i, rest)), rest);
  }
}
template <typename F>
void in_place(float* data, int64_t n, float a, float b) {
  unary<F>(data, data, n, a, b);
}
template <>
void in_place<None>(float*, int64_t, float, float) {}

struct Add {
  static Vec apply(Vec a, Vec b) { return add(a, b); }
};
struct Sub {
  static Vec apply(Vec a, Vec b) { return sub(a, b); }
};
struct Mul {
  static Vec apply(Vec a, Vec b) { return mul(a, b); }
};
struct Div {
  static Vec apply(Vec a, Vec b) { return div(a, b); }
};
struct Max {
  static Vec apply(Vec a, Vec b) { return max_nan(a, b); }
};
struct Min {
  static Vec apply(Vec a, Vec b) { return min_nan(a, b); }
};

template <typename F, BinaryForm form>
void binary(const float* a, const float* b, float* y, int64_t n, float lo, float hi) {
  const Vec vlo = splat(lo), vhi = splat(hi);
  if (n <= 0) return;
  const Vec a0 = splat(*a), b0 = splat(*b);
  const auto at = [&](int64_t i, int rest) {
    const Vec va = form == BinaryForm::scalar_vector ? a0 : load_n(a + i, rest);
    const Vec vb = form == BinaryForm::vector_scalar ? b0 : load_n(b + i, rest);
    return at_most(at_least(F::apply(va, vb), vlo), vhi);
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, at(i, kLanes));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_n(y + i, at(i, rest), rest);
  }
}

}  // namespace

namespace SCT_ISA {
const ElementwiseKernels elementwise = {
    {
#define SCT_ACTIVATION(name) unary<name>,
#include "kernels/elementwise/kernels.inc"
    },
    {
#define SCT_ACTIVATION(name) in_place<name>,
#include "kernels/elementwise/kernels.inc"
    },
    {
#define SCT_BINARY(name)                                                             \
  {binary<name, BinaryForm::vector_vector>, binary<name, BinaryForm::vector_scalar>, \
   binary<name, BinaryForm::scalar_vector>},
#include "kernels/elementwise/kernels.inc"
    },
};
}  // namespace SCT_ISA

}  // namespace secateur
