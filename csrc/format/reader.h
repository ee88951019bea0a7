// From the bytes of a model file to a verified Model.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "format/model.h"

namespace secateur::format {

// Checks header, checksum, FlatBuffers structure and meaning (verify.h). On success every number in
// `model` may be used without a further check. `data` must be aligned to kFileAlign (a mapping is,
// and what malloc gives) and outlive `model`, which points into it. Errors: those of decode_header,
// and model_invalid.
Status read_model(const void* data, uint64_t bytes, Model* model);

}  // namespace secateur::format
