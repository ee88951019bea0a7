// A plane placed in a larger one.
#pragma once

#include "ops/op.h"

namespace secateur {

struct PadDesc {
  Planes x, y;
  int channel_before = 0, top = 0, left = 0;
  float value = 0;
  Activation activation;
};

// Constants that `desc` names are copied. `isa` must be usable.
Status make_pad(const PadDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
