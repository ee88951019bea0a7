// What a model file stores besides numbers: that buffers have their size and weights are whole.
// Whether the model makes sense is ops/verify_model.h's question.
#pragma once

#include "base/status.h"
#include "format/model.h"

namespace secateur::format {

// A weight matrix of that many rows and columns, `groups` of rows that no block may straddle.
Status verify_weight(const Model& model, const Weight& weight, int64_t rows, int64_t cols,
                     uint32_t groups);

// The values of a weight: `count` of 32 (f32), 16 (f16) or 8 bits (i8 but -128, `rows` scales).
Status verify_stored(const Model& model, uint32_t number, int bits, uint64_t count, uint32_t scales,
                     uint64_t rows, const char* what);

// Buffer `number` must exist and have exactly that many bytes.
Status verify_buffer(const Model& model, uint32_t number, uint64_t bytes, const char* what);

}  // namespace secateur::format
