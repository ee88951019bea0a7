// From a Model to the bytes of a model file.
#pragma once

#include <vector>

#include "base/status.h"
#include "format/model.h"

namespace secateur::format {

// Header, checksum and payload. Does not verify: tests write broken models, and a compiler learns
// from opening what it wrote. Texts longer than kMaxTextBytes are clipped. Error: invalid_argument
// when the buffers exceed what one file can hold.
Status write_model(const Model& model, std::vector<unsigned char>* file);

}  // namespace secateur::format
