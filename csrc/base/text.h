// Messages from parts: text("op ", 3, ": ", name).
//
// The parts of a call become an array of one plain type, and one function joins it: a template that
// did the work would be made again for each list of types that some message has, 60 KB of a
// device's program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace secateur {

class TextPart {
 public:
  template <typename Value>
  TextPart(const Value& value) {  // NOLINT: a part is any value
    if constexpr (std::is_convertible_v<const Value&, std::string_view>) {
      const std::string_view view = value;
      data_ = view.data();
      size_ = view.size();
    } else if constexpr (std::is_floating_point_v<Value>) {
      kind_ = Kind::floating;
      floating_ = static_cast<double>(value);
    } else if constexpr (std::is_signed_v<Value>) {
      kind_ = Kind::integer;
      integer_ = static_cast<int64_t>(value);
    } else {
      kind_ = Kind::natural;
      natural_ = static_cast<uint64_t>(value);
    }
  }
  void append_to(std::string* out) const;

 private:
  enum class Kind : uint8_t { string, integer, natural, floating };
  Kind kind_ = Kind::string;
  size_t size_ = 0;
  union {
    const char* data_;
    int64_t integer_;
    uint64_t natural_;
    double floating_;
  };
};

std::string join(const TextPart* parts, size_t count);

template <typename... Parts>
std::string text(const Parts&... parts) {
  const TextPart all[] = {TextPart(parts)...};
  return join(all, sizeof...(parts));
}

}  // namespace secateur
