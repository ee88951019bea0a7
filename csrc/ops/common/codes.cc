#include "ops/common/codes.h"

#include <algorithm>
#include <cmath>

namespace secateur {
namespace {

int32_t nearest_code(float value, const Scale& y) {
  const double code = std::nearbyint(double{value} / y.scale) + y.zero;
  return static_cast<int32_t>(std::min(std::max(code, -128.0), 127.0));
}

}  // namespace

CodeRange code_range(const Activation& activation, const Scale& y) {
  CodeRange range;
  if (activation.kind == ActivationKind::relu) range.lo = y.zero;
  if (activation.kind == ActivationKind::clamp) {
    range.lo = nearest_code(activation.a, y);
    range.hi = nearest_code(activation.b, y);
  }
  return range;
}

}  // namespace secateur
