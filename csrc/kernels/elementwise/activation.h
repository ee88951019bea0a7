// Activations: y[i] = f(x[i]) for i in [0, n). Kinds are numbered as ActivationKind in
// ops/op.h and format/model.fbs, repeated here because kernels know neither; ops/
// asserts that they agree. What each kind computes stands in format/model.fbs; NaN stays NaN.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

// In place. Touches exactly n floats, any alignment. a, b: the parameters of clamp, leaky_relu and
// elu.
using ActivationFn = void (*)(float* data, int64_t n, float a, float b);
// Out of place; y may be x.
using UnaryFn = void (*)(const float* x, float* y, int64_t n, float a, float b);

inline constexpr int kActivationKinds = 25;

// Never null for kind in [0, kActivationKinds) and a compiled isa; kind 0 (none) copies or does
// nothing.
ActivationFn select_activation(int kind, Features have);
UnaryFn select_unary(int kind, Features have);

}  // namespace secateur
