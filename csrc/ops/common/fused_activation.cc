#include "ops/common/fused_activation.h"

namespace secateur {

#define SCT_SAME(kind, number) static_assert(static_cast<int>(ActivationKind::kind) == number)
SCT_SAME(none, 0);
SCT_SAME(relu, 1);
SCT_SAME(clamp, 2);
SCT_SAME(leaky_relu, 3);
SCT_SAME(hard_swish, 4);
SCT_SAME(hard_sigmoid, 5);
SCT_SAME(sigmoid, 6);
SCT_SAME(silu, 7);
SCT_SAME(tanh, 8);
SCT_SAME(gelu, 9);
SCT_SAME(gelu_tanh, 10);
SCT_SAME(elu, 11);
SCT_SAME(mish, 12);
SCT_SAME(softplus, 13);
SCT_SAME(exp, 14);
SCT_SAME(log, 15);
SCT_SAME(sqrt, 16);
SCT_SAME(rsqrt, 17);
SCT_SAME(abs, 18);
SCT_SAME(sin, 19);
SCT_SAME(cos, 20);
SCT_SAME(erf, 21);
SCT_SAME(floor, 22);
SCT_SAME(round, 23);
SCT_SAME(atan, 24);
#undef SCT_SAME
static_assert(kActivationKinds == 25);

FusedActivation::FusedActivation(const Activation& activation, Features have)
    : lo_(-kInfinity), hi_(kInfinity), a_(activation.a), b_(activation.b) {
  if (activation.kind == ActivationKind::none) return;
  whole_ = select_activation(static_cast<int>(activation.kind), have);
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
