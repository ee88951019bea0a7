// From the bytes of a model file to a verified Model.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "format/model.h"

namespace secateur::format {

// Says whether a model makes sense: ops/verify_model.h.
using VerifyFn = Status (*)(const Model& model);

// Checks header, checksum and FlatBuffers structure, and asks `verify` for the rest. On success
// every number in `model` may be used without a further check. `data` must be aligned to kFileAlign
// (what malloc gives is) and outlive `model`, which points into it. Errors: those of decode_header,
// and those of `verify`, as file_too_new where the file is of a newer minor version.
Status read_model(const void* data, uint64_t bytes, VerifyFn verify, Model* model);

}  // namespace secateur::format
