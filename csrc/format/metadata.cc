#include "format/metadata.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/text.h"

namespace secateur::format {
namespace {

Status invalid(std::string what) { return {StatusCode::model_invalid, "metadata: " + what}; }

std::string_view view(const flatbuffers::String* in) {
  return in ? std::string_view(in->c_str(), in->size()) : std::string_view();
}

Status too_much() {
  return invalid(text("they are more than ", kMaxMetadataBytes, " bytes (a text counts 16 more)"));
}

}  // namespace

uint64_t metadata_bytes(const std::vector<Metadata>& all) {
  uint64_t bytes = 0;
  for (const Metadata& entry : all) {
    bytes += entry.key.size() + 16 + 8 * entry.numbers.size();
    for (std::string_view text : entry.texts) bytes += text.size() + 16;
  }
  return bytes;
}

Status verify_metadata(const std::vector<Metadata>& all) {
  if (all.size() > kMaxMetadata) {
    return invalid(text(all.size(), " keys are more than ", kMaxMetadata));
  }
  if (metadata_bytes(all) > kMaxMetadataBytes) return too_much();
  for (size_t i = 0; i < all.size(); i++) {
    const Metadata& entry = all[i];
    const auto wrong = [&](const char* what) {
      return invalid(text(
          "key ", i, " '",
          std::string_view(entry.key.data(), std::min<size_t>(entry.key.size(), 64)), "' ", what));
    };
    if (entry.key.empty() || entry.key.size() > kMaxTextBytes) {
      return wrong("is empty, or longer than a name may be");
    }
    for (size_t k = 0; k < i; k++) {
      if (all[k].key == entry.key) return wrong("is there twice");
    }
    if (!entry.texts.empty() && !entry.numbers.empty()) return wrong("has texts and numbers");
    if (!entry.list && entry.texts.size() + entry.numbers.size() != 1) {
      return wrong("is no list, and not one value");
    }
    bool zero = entry.key.find('\0') != std::string_view::npos;
    for (std::string_view text : entry.texts) zero = zero || text.find('\0') != text.npos;
    if (zero) return invalid(text("key ", i, " has a zero byte in a text"));
    for (double number : entry.numbers) {
      if (!std::isfinite(number)) return wrong("has a number that is not finite");
    }
  }
  return {};
}

Status read_metadata(const flatbuffers::Vector<flatbuffers::Offset<model::Metadata>>* in,
                     std::vector<Metadata>* out) {
  if (!in) return {};
  if (in->size() > kMaxMetadata) {
    return invalid(text(in->size(), " keys are more than ", kMaxMetadata));
  }
  uint64_t items = 0;  // before any of them is copied
  for (const model::Metadata* entry : *in) {
    items += (entry->texts() ? entry->texts()->size() : 0) * uint64_t{16};
    items += (entry->numbers() ? entry->numbers()->size() : 0) * uint64_t{8};
  }
  if (items > kMaxMetadataBytes) return too_much();
  for (const model::Metadata* entry : *in) {
    Metadata& to = out->emplace_back();
    to.key = view(entry->key());
    to.list = entry->list();
    if (entry->texts()) {
      for (const flatbuffers::String* text : *entry->texts()) to.texts.push_back(view(text));
    }
    if (!entry->numbers() || entry->numbers()->size() == 0) continue;
    // Copied as bytes: nothing says that a file has them at a multiple of 8.
    to.numbers.resize(entry->numbers()->size());
    std::memcpy(to.numbers.data(), entry->numbers()->Data(), 8 * to.numbers.size());
  }
  return verify_metadata(*out);
}

}  // namespace secateur::format
