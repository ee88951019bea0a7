// Reductions as their definitions, in double.
#pragma once

#include <cmath>
#include <vector>

#include "format/model.h"

namespace secateur::reference {

// Of a row-major tensor; what is left of it, in order.
inline std::vector<double> reduce(const std::vector<uint32_t>& shape, const std::vector<float>& x,
                                  const format::Reduce& o) {
  std::vector<bool> gone(shape.size());
  for (const uint32_t axis : o.axes) gone[axis] = true;
  size_t left = 1, terms = 1;
  for (size_t d = 0; d < shape.size(); ++d) (gone[d] ? terms : left) *= shape[d];
  std::vector<double> y(left);
  std::vector<bool> met(left);
  for (size_t i = 0; i < x.size(); ++i) {
    size_t to = 0, stride = 1, rest = i;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
      if (gone[d]) continue;
      to += rest % shape[d] * stride;
      stride *= shape[d];
    }
    const double v = x[i];
    double& sum = y[to];
    if (!met[to]) {
      sum = v;
    } else if (o.kind == format::ReduceKind::max || o.kind == format::ReduceKind::min) {
      const bool further = o.kind == format::ReduceKind::max ? v > sum : v < sum;
      if (std::isnan(v) || (further && !std::isnan(sum))) sum = v;
    } else {
      sum += v;
    }
    met[to] = true;
  }
  for (double& v : y) {
    if (o.kind == format::ReduceKind::mean) v /= static_cast<double>(terms);
  }
  return y;
}

}  // namespace secateur::reference
