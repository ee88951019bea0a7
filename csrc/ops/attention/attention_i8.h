// Attention of bytes (docs/numerics.md, kernels/attention_i8).
#pragma once

#include "ops/common/codes.h"

namespace secateur {

struct AttentionI8Desc {
  Planes q, k, v, y;  // planes4; a head's channels are whole quads
  int heads = 1;
  float scale = 1;
  bool causal = false;
  Scale q_scale, k_scale, v_scale, y_scale;
};

// Sums of that many keys, and of that many channels of a head, stay within 32 bits.
inline constexpr int64_t kAttentionI8Keys = 33025, kAttentionI8HeadDim = 16512;

// From a score, an int32, to a power of two; and from a mean of v's codes to one of y.
double attention_score_factor(double q_scale, double k_scale, double scale);
double attention_mean_factor(double v_scale, double y_scale);

Status make_attention_i8(const AttentionI8Desc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
