// What a caller says of a model: read from a payload, and what must hold of it.
#pragma once

#include "base/status.h"
#include "format/model.h"

namespace secateur::format {

// What metadata count as, against kMaxMetadataBytes: each key and text its bytes and 16, each
// number
// 8. A file's texts may lie on each other, so that its own size bounds nothing.
uint64_t metadata_bytes(const std::vector<Metadata>& all);

// At most kMaxMetadata keys, each once, of 1 to kMaxTextBytes bytes; texts or finite numbers, one
// of them where it is no list; no zero byte in a text, which ends one in C; kMaxMetadataBytes in
// all. Error: model_invalid.
Status verify_metadata(const std::vector<Metadata>& all);

// From a payload that FlatBuffers' verifier has accepted; null: none. Verified. Error:
// model_invalid.
Status read_metadata(const flatbuffers::Vector<flatbuffers::Offset<model::Metadata>>* in,
                     std::vector<Metadata>* out);

}  // namespace secateur::format
