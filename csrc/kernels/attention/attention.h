// Scaled dot-product attention of one head for one block of queries:
//
//   S[t][i] = scale * sum_d k[d][t] q[d][i] + mask[t][i]      (keys t, queries i)
//   y[d][i] = sum_t v[d][t] exp(S[t][i] - m[i]) / sum_t exp(S[t][i] - m[i])
//
// q, k, v, y are planes: one row of tokens per channel of the head. Scores are kept keys x queries,
// so that both products are vectors of queries times scalars: no transposition, no horizontal sum.
// Keys go by blocks of 128 with a running maximum m and sum (Milakov and Gimelshein, "Online
// normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022), so scratch does
// not grow with the tokens. Bound by FMA.
//
// Causal: query i sees keys t <= i. A query that sees no key (all -infinity) gets 0, as PyTorch's
// scaled_dot_product_attention; a NaN among its scores gives NaN.
#pragma once

#include <cstdint>

#include "base/isa.h"

namespace secateur {

struct AttentionTile {
  const float* q;  // [head_dim] rows, q_stride apart
  const float* k;  // [head_dim] rows
  const float* v;  // [value_dim] rows
  float* y;        // [value_dim] rows; queries [first_query, first_query + queries) are written
  int64_t q_stride, k_stride, v_stride, y_stride;
  int64_t head_dim, value_dim, keys;
  int64_t first_query, queries;  // queries <= query_block
  float scale;
  bool causal;
  const float* mask;    // transposed: [keys] rows of queries, or null
  int64_t mask_stride;  // readable query_block past any first_query
  float* scratch;       // attention_scratch_floats
};

using AttentionFn = void (*)(const AttentionTile& tile);

struct AttentionKernel {
  const char* name;
  int query_block;
  AttentionFn run;
};

AttentionKernel select_attention(Features have);
int64_t attention_scratch_floats(const AttentionKernel& kernel, int64_t head_dim,
                                 int64_t value_dim);

}  // namespace secateur
