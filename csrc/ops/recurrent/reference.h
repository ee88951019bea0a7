// One step of a recurrent layer as its definition (format/model.fbs), in double: one sequence, one
// position after the other.
#pragma once

#include <cmath>
#include <vector>

#include "ops/recurrent/recurrent.h"

namespace secateur::reference {

struct RecurrentState {
  std::vector<double> h, c;
};

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// x: [gates * hidden], what the inputs give. weight: dense [gates * hidden][hidden]; bias: null if
// none.
inline void recurrent_step(RecurrentKind kind, const std::vector<double>& x, const float* weight,
                           const float* bias, RecurrentState* state) {
  const size_t n = state->h.size();
  // What the vector gives gate k of unit i.
  const auto share = [&](size_t k, size_t i, const std::vector<double>& vector) {
    double sum = bias ? bias[k * n + i] : 0;
    for (size_t j = 0; j < n; ++j) sum += double{weight[(k * n + i) * n + j]} * vector[j];
    return sum;
  };
  const std::vector<double> h = state->h;
  const auto gate = [&](size_t k, size_t i) { return x[k * n + i] + share(k, i, h); };
  std::vector<double> reset(n);  // r h
  for (size_t i = 0; i < n; ++i) {
    if (kind == RecurrentKind::gru_reset_first) reset[i] = sigmoid(gate(1, i)) * h[i];
  }
  for (size_t i = 0; i < n; ++i) {
    switch (kind) {
      case RecurrentKind::lstm: {
        double& c = state->c[i];
        c = sigmoid(gate(2, i)) * c + sigmoid(gate(0, i)) * std::tanh(gate(3, i));
        state->h[i] = sigmoid(gate(1, i)) * std::tanh(c);
        break;
      }
      case RecurrentKind::gru:
      case RecurrentKind::gru_reset_first: {
        const double added =
            kind == RecurrentKind::gru ? sigmoid(gate(1, i)) * share(2, i, h) : share(2, i, reset);
        const double next = std::tanh(x[2 * n + i] + added), z = sigmoid(gate(0, i));
        state->h[i] = (1 - z) * next + z * h[i];
        break;
      }
      case RecurrentKind::rnn_tanh:
        state->h[i] = std::tanh(gate(0, i));
        break;
      case RecurrentKind::rnn_relu:
        state->h[i] = std::fmax(gate(0, i), 0);
    }
  }
}

}  // namespace secateur::reference
