// Layer normalisation over channels as its definition, in double, one position at a time: `x` holds
// the channels of that position.
#pragma once

#include <cmath>
#include <vector>

namespace secateur::reference {

inline std::vector<double> layer_norm(const std::vector<double>& x, const float* gamma,
                                      const float* beta, double epsilon) {
  double mean = 0, variance = 0;
  for (double v : x) mean += v;
  mean /= static_cast<double>(x.size());
  for (double v : x) variance += (v - mean) * (v - mean);
  variance /= static_cast<double>(x.size());
  std::vector<double> y;
  for (size_t c = 0; c < x.size(); ++c) {
    y.push_back((x[c] - mean) / std::sqrt(variance + epsilon) * (gamma ? gamma[c] : 1.0) +
                (beta ? beta[c] : 0.0));
  }
  return y;
}

}  // namespace secateur::reference
