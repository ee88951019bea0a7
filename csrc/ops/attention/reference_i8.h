// Attention of bytes as its definition (docs/numerics.md): one query of one head, all its values.
#pragma once

#include <cmath>
#include <vector>

#include "ops/attention/attention_i8.h"
#include "ops/common/reference_codes.h"

namespace secateur::reference {

// 255 * 2^z, to the nearest integer.
inline int64_t attention_weight(float z) {
  if (z < -16.f) z = -16.f;
  const float n = std::nearbyint(z), f = z - n;
  float t = 14.068775f;
  for (const float c : {61.865837f, 176.78156f, 254.98166f}) {
    const float product = t * f;
    t = product + c;
  }
  return std::llrint(std::ldexp(t, static_cast<int>(n)));
}

inline std::vector<int8_t> attention_i8_at(const AttentionI8Desc& d, const int8_t* q,
                                           const int8_t* k, const int8_t* v, int batch, int head,
                                           int64_t query) {
  const int dim = d.q.channels / d.heads, value_dim = d.v.channels / d.heads;
  const int64_t keys = d.causal ? std::min(d.k.positions(), query + 1) : d.k.positions();
  std::vector<int64_t> score(static_cast<size_t>(keys));
  int64_t top = INT64_MIN;
  for (int64_t t = 0; t < keys; t++) {
    for (int c = head * dim; c < (head + 1) * dim; c++) {
      const int64_t a = q[code_index(d.q, batch, c, query)], b = k[code_index(d.k, batch, c, t)];
      score[static_cast<size_t>(t)] += (a - d.q_scale.zero) * b;
    }
    top = std::max(top, score[static_cast<size_t>(t)]);
  }
  const float factor =
      static_cast<float>(attention_score_factor(d.q_scale.scale, d.k_scale.scale, d.scale));
  std::vector<int64_t> sum(static_cast<size_t>(value_dim));
  int64_t total = 0;
  for (int64_t t = 0; t < keys; t++) {
    const auto less = static_cast<float>(score[static_cast<size_t>(t)] - top);
    const int64_t p = attention_weight(less * factor);
    total += p;
    for (int c = 0; c < value_dim; c++) {
      const int64_t b = v[code_index(d.v, batch, head * value_dim + c, t)];
      sum[static_cast<size_t>(c)] += p * (b - d.v_scale.zero);
    }
  }
  const float mean = static_cast<float>(attention_mean_factor(d.v_scale.scale, d.y_scale.scale)) /
                     static_cast<float>(total);
  std::vector<int8_t> y;
  for (const int64_t s : sum) {
    const int32_t code = nearest_code(static_cast<float>(s) * mean, d.y_scale.zero, {});
    y.push_back(static_cast<int8_t>(code));
  }
  return y;
}

}  // namespace secateur::reference
