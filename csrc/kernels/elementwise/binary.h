// Binary operators: y[i] = min(max(a[i] op b[i], lo), hi) for i in [0, n). Touches exactly n floats
// of y, any alignment; y may be a or b. max and min give NaN when either operand is NaN, as
// PyTorch's maximum and minimum do. Kinds are numbered as BinaryKind in ops/op.h.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

using BinaryFn = void (*)(const float* a, const float* b, float* y, int64_t n, float lo, float hi);

inline constexpr int kBinaryKinds = 6;

enum class BinaryForm : int {
  vector_vector = 0,
  vector_scalar,  // b[0] throughout
  scalar_vector,  // a[0] throughout
};
inline constexpr int kBinaryForms = 3;

// Never null for kind in [0, kBinaryKinds) and a compiled isa.
BinaryFn select_binary(int kind, BinaryForm form, Features have);

}  // namespace secateur
