// Softmax over channels as its definition, in double, one position at a time: `x` holds the
// channels of that position.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

namespace secateur::reference {

inline std::vector<double> softmax(const std::vector<double>& x) {
  double top = -std::numeric_limits<double>::infinity(), sum = 0;
  for (double v : x) {
    if (v > top || std::isnan(v)) top = v;
    if (std::isnan(v)) break;
  }
  std::vector<double> y;
  for (double v : x) {
    y.push_back(std::exp(v - top));
    sum += y.back();
  }
  for (double& v : y) v /= sum;
  return y;
}

}  // namespace secateur::reference
