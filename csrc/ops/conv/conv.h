// Convolutions and linear layers: y = act(conv(x, weight) + bias + residual).
#pragma once

#include <optional>

#include "ops/common/codes.h"
#include "ops/op.h"
#include "pack/shared_weights.h"
#include "pack/weight_memory.h"
#include "pack/weights.h"

namespace secateur {

struct ConvTuning;
struct Machine;
struct MeasuredPlan;

// Of i8 in planes4 (docs/numerics.md). The weight is `quantized`, with scales.
struct ConvCodes {
  Scale x, y, residual;
  const int32_t* bias = nullptr;  // [y.channels] in units of x's scale times the row's, or null
};

struct ConvDesc {
  Planes x, y;  // as the model file has them
  Window window;
  int groups = 1;
  bool residual = false;  // inputs[1], shaped and strided as y, is added before the activation
  Activation activation;
  WeightView weight;                // stored form; packed by make_conv, not referenced afterwards
  const float* bias = nullptr;      // [y.channels] or null
  std::optional<ConvCodes> codes;   // x, y and the residual are i8
  bool f16 = false;                 // they are f16, and so is what computes
  int threads = 1;                  // to partition for
  WeightMemory* memory = nullptr;   // for the packed weight, outliving the operator; or null
  SharedWeights* shared = nullptr;  // where other operators read the weight too
};

// Constants that `desc` names are copied. `isa` must be usable, and so must what the machine may
// use. With an Isa, planned for this machine by its shipped table. Where a profile's plan decided,
// *measured is that: of the machine, living as long.
Status make_conv(const ConvDesc& desc, Isa isa, OperatorPtr* op);
Status make_conv(const ConvDesc& desc, const Machine& machine, OperatorPtr* op,
                 const MeasuredPlan** measured = nullptr);
// With choices taken out of the planner's hands (plan.h).
Status make_conv_as(const ConvDesc& desc, const Machine& machine, const ConvTuning& tuning,
                    OperatorPtr* op);

}  // namespace secateur
