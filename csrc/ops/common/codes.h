// What operators of i8 share: a number is scale * (code - zero), codes lie in planes4
// (docs/numerics.md).
#pragma once

#include <cstdint>

#include "kernels/codes/codes.h"
#include "ops/op.h"

namespace secateur {

struct Scale {
  float scale = 1;
  int32_t zero = 0;
};
inline Scale scale_of(const format::Tensor& t) { return {t.scale, t.zero_point}; }

// planes4 seen as planes of 4-byte elements, each four channels of a position.
inline Planes quads(const Planes& p) {
  Planes q = p;
  q.channels = (p.channels + 3) / 4;
  q.plane_stride /= 4;
  q.batch_stride /= 4;
  return q;
}

// The codes that an activation leaves: `y` of i8; none, relu or clamp.
struct CodeRange {
  int32_t lo = -128, hi = 127;
};
CodeRange code_range(const Activation& activation, const Scale& y);

// What kernels take of a y of i8.
ToCode to_code(const Activation& activation, const Scale& y);
// The code of one number, as kernels make it.
int8_t code_of(float t, const ToCode& to);
// The code that is nearest to `value`, saturated; NaN gives the zero.
int32_t nearest_code(float value, const Scale& y);

}  // namespace secateur
