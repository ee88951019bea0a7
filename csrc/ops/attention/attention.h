// Attention of several heads: softmax(scale * q^T k + mask) v.
#pragma once

#include "ops/op.h"

namespace secateur {

struct AttentionDesc {
  Planes q, k, v, y;
  int heads = 1;
  float scale = 1;
  bool causal = false;
  // [masks][tokens of q][tokens of k], added. masks: 1, one a head, or one a batch item and head.
  const float* mask = nullptr;
  int64_t masks = 1;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_attention(const AttentionDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
