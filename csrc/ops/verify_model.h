// Whether a model makes sense: what kernels rely on and do not check again.
#pragma once

#include "base/status.h"
#include "format/model.h"

namespace secateur {

// Tensors, ports, states, every operator (its room's verify), that each tensor is written once
// before it is read, and that no two which are needed at one moment share memory. Errors:
// model_invalid.
Status verify_model(const format::Model& model);
Status verify_op(const format::Model& model, const format::Op& op);

}  // namespace secateur
