// Layer normalisation and softmax over channels as their definitions, in double, one position at a
// time: `x` holds the channels of that position, `y` receives them.
#pragma once

#include <cmath>
#include <limits>
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
