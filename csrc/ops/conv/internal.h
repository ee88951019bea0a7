// What the two executors of make_conv share.
#pragma once

#include "kernels/elementwise/activation.h"
#include "ops/conv/conv.h"
#include "ops/conv/plan.h"
#include "ops/room.h"
#include "pack/decode.h"

namespace secateur {

// An activation as the kernels take it: a clamp in the last block, or a function over the finished
// tile.
struct ConvActivation {
  bool clamp = false;
  float lo = 0, hi = 0;
  ActivationFn function = nullptr;
  float a = 0, b = 0;
};

ConvActivation conv_activation(const Activation& activation, Features have);

// A layer with one output position.
OperatorPtr make_spmv_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine);
OperatorPtr make_spmm_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                           const ConvTuning& tuning = {});

// Of f16, many positions; the machine has kernels (builds_f16).
OperatorPtr make_spmm_f16_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                               const ConvTuning& tuning = {});

// What the planner is told of a layer of many positions. rows: read where the weight is not dense.
ConvWork conv_work(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                   const ConvTuning& tuning);

// An operator of a model file. The weight and the constants are the file's.
ConvDesc conv_desc(const OpSource& source, const format::Conv& options);

// Of i8, one position or many.
Status make_conv_i8(const ConvDesc& desc, const Machine& machine, OperatorPtr* op,
                    const ConvTuning& tuning = {});

}  // namespace secateur
