// Scaled dot-product attention as its definition, in double: one query of one head, all its values.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "ops/common/reference_index.h"

namespace secateur::reference {

struct AttentionShape {
  int heads = 1;
  double scale = 1;
  bool causal = false;
  const float* mask = nullptr;  // [masks][tokens of q][tokens of k]
  int64_t masks = 1;            // 1, heads, or batch * heads
};

// A query that sees no key gets zeros.
inline std::vector<double> attention_at(const AttentionShape& s, const Planes& pq, const float* q,
                                        const Planes& pk, const float* k, const Planes& pv,
                                        const float* v, int batch, int head, int64_t query) {
  const int dim = pq.channels / s.heads, value_dim = pv.channels / s.heads;
  const int64_t keys = pk.positions();
  std::vector<double> score(keys);
  double top = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t t = 0; t < keys; ++t) {
    for (int d = 0; d < dim; ++d) {
      score[t] += double{k[index(pk, batch, head * dim + d, t)]} *
                  q[index(pq, batch, head * dim + d, query)];
    }
    score[t] *= s.scale;
    if (s.mask != nullptr) {
      const int64_t mask = (int64_t{batch} * s.heads + head) % s.masks;
      score[t] += s.mask[(mask * pq.positions() + query) * keys + t];
    }
    if (s.causal && t > query) score[t] = -std::numeric_limits<double>::infinity();
    if (score[t] > top) top = score[t];
  }
  std::vector<double> y(value_dim);
  if (std::isinf(top) && top < 0) return y;
  for (double& w : score) sum += w = std::exp(w - top);
  for (int d = 0; d < value_dim; ++d) {
    for (int64_t t = 0; t < keys; ++t) {
      if (s.causal && t > query) continue;
      y[d] += score[t] / sum * v[index(pv, batch, head * value_dim + d, t)];
    }
  }
  return y;
}

}  // namespace secateur::reference
