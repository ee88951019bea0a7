#include "base/text.h"

namespace secateur {

void TextPart::append_to(std::string* out) const {
  switch (kind_) {
    case Kind::string:
      out->append(data_, size_);
      break;
    case Kind::integer:
      *out += std::to_string(integer_);
      break;
    case Kind::natural:
      *out += std::to_string(natural_);
      break;
    case Kind::floating:
      *out += std::to_string(floating_);
      break;
  }
}

std::string join(const TextPart* parts, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; i++) parts[i].append_to(&out);
  return out;
}

}  // namespace secateur
