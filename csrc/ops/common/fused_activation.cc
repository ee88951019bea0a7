#include "ops/common/fused_activation.h"

#include <limits>

namespace secateur {

#define SECATEUR_SAME(kind, number) static_assert(static_cast<int>(ActivationKind::kind) == number)
SECATEUR_SAME(none, 0);
SECATEUR_SAME(relu, 1);
SECATEUR_SAME(clamp, 2);
SECATEUR_SAME(leaky_relu, 3);
SECATEUR_SAME(hard_swish, 4);
SECATEUR_SAME(hard_sigmoid, 5);
SECATEUR_SAME(sigmoid, 6);
SECATEUR_SAME(silu, 7);
SECATEUR_SAME(tanh, 8);
SECATEUR_SAME(gelu, 9);
SECATEUR_SAME(gelu_tanh, 10);
SECATEUR_SAME(elu, 11);
SECATEUR_SAME(mish, 12);
SECATEUR_SAME(softplus, 13);
SECATEUR_SAME(exp, 14);
SECATEUR_SAME(log, 15);
SECATEUR_SAME(sqrt, 16);
SECATEUR_SAME(rsqrt, 17);
SECATEUR_SAME(abs, 18);
SECATEUR_SAME(sin, 19);
SECATEUR_SAME(cos, 20);
SECATEUR_SAME(erf, 21);
SECATEUR_SAME(floor, 22);
SECATEUR_SAME(round, 23);
SECATEUR_SAME(atan, 24);
#undef SECATEUR_SAME
static_assert(kActivationKinds == 25);

FusedActivation::FusedActivation(const Activation& activation, Isa isa)
    : lo_(-std::numeric_limits<float>::infinity()),
      hi_(std::numeric_limits<float>::infinity()),
      a_(activation.a),
      b_(activation.b) {
  if (activation.kind == ActivationKind::none) return;
  whole_ = select_activation(static_cast<int>(activation.kind), isa);
  if (activation.kind == ActivationKind::relu) {
    lo_ = 0;
  } else if (activation.kind == ActivationKind::clamp) {
    lo_ = activation.a;
    hi_ = activation.b;
  } else {
    rest_ = whole_;
  }
}

}  // namespace secateur
