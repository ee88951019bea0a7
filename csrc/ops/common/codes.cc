#include "ops/common/codes.h"

#include <algorithm>
#include <cmath>

namespace secateur {

int32_t nearest_code(float value, const Scale& y) {
  if (std::isnan(value)) return y.zero;  // as a Convert has it
  const double code = std::nearbyint(double{value} / y.scale) + y.zero;
  return static_cast<int32_t>(std::min(std::max(code, -128.0), 127.0));
}

CodeRange code_range(const Activation& activation, const Scale& y) {
  CodeRange range;
  if (activation.kind == ActivationKind::relu) range.lo = y.zero;
  if (activation.kind == ActivationKind::clamp) {
    range.lo = nearest_code(activation.a, y);
    range.hi = nearest_code(activation.b, y);
  }
  return range;
}

ToCode to_code(const Activation& activation, const Scale& y) {
  const CodeRange range = code_range(activation, y);
  ToCode to;
  to.zero = y.zero;
  to.lo = range.lo;
  to.hi = range.hi;
  return to;
}

int8_t code_of(float t, const ToCode& to) {
  const auto lo = static_cast<float>(to.lo - to.zero), hi = static_cast<float>(to.hi - to.zero);
  t = t < lo ? lo : t > hi ? hi : t;
  return static_cast<int8_t>(std::lrint(t) + to.zero);
}

}  // namespace secateur
