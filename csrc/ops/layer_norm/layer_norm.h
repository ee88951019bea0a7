// Layer normalisation over channels, at each position.
#pragma once

#include "ops/op.h"

namespace secateur {

struct LayerNormDesc {
  Planes x, y;
  const float* gamma = nullptr;  // [channels] or null
  const float* beta = nullptr;
  float epsilon = 1e-5f;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_layer_norm(const LayerNormDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
