// What the two executors of make_conv share.
#pragma once

#include "ops/conv/conv.h"
#include "ops/conv/plan.h"
#include "ops/room.h"
#include "pack/decode.h"

namespace secateur {

// A layer with one output position.
OperatorPtr make_spmv_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine);
// With many; of f16 where the machine has kernels (builds_f16).
OperatorPtr make_spmm_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
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
