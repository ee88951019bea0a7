#include "ops/common/half_activation.h"

#include <algorithm>

#include "base/half.h"

namespace secateur {

HalfActivation::HalfActivation(const Activation& activation, Features have)
    : a_(activation.a), b_(activation.b), kernels_(select_half(have)) {
  switch (activation.kind) {
    case ActivationKind::none:
      break;
    case ActivationKind::relu:
      clamps_ = true;
      lo_ = 0;
      break;
    case ActivationKind::clamp:
      clamps_ = true;
      lo_ = float_to_half(a_);
      hi_ = float_to_half(b_);
      break;
    default:
      function_ = select_activation(static_cast<int>(activation.kind), have);
  }
}

void HalfActivation::finish(uint16_t* data, int64_t n) const {
  constexpr int64_t kNumbers = 256;  // a kilobyte, on the stack
  float wide[kNumbers];
  for (int64_t i = 0; i < n; i += kNumbers) {
    const int64_t count = std::min(kNumbers, n - i);
    kernels_.widen(data + i, wide, count);
    function_(wide, count, a_, b_);
    kernels_.narrow(wide, data + i, count);
  }
}

}  // namespace secateur
