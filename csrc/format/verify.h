// The meaning of a model's numbers. What is checked here is checked nowhere else: operators,
// sessions and kernels rely on it.
#pragma once

#include "base/status.h"
#include "format/model.h"

namespace secateur::format {

// Everything: tensors (strides as make_planes, inside the arena), operators, ports, order (each
// tensor is written once, before it is read) and memory (two tensors that are needed at the same
// time do not share bytes, except an element-wise operator's output that takes the place of its
// input). Error: model_invalid, with a sentence that names the part.
Status verify_model(const Model& model);

// Number and shapes of an operator's tensors, sizes of its buffers. Tensor numbers and the tensors
// themselves are already verified.
Status verify_op(const Model& model, const Op& op);

// A weight matrix of that many rows and columns, `groups` of rows that no block may straddle.
Status verify_weight(const Model& model, const Weight& weight, int64_t rows, int64_t cols,
                     uint32_t groups);

// Buffer `number` must exist and have exactly that many bytes.
Status verify_buffer(const Model& model, uint32_t number, uint64_t bytes, const char* what);

}  // namespace secateur::format
