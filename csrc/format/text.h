// Messages from parts: text("op ", 3, ": ", name).
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace secateur::format {

template <typename Part>
void append_text(std::string* out, const Part& part) {
  if constexpr (std::is_arithmetic_v<Part>) {
    *out += std::to_string(part);
  } else {
    *out += std::string_view(part);
  }
}

template <typename... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (append_text(&out, parts), ...);
  return out;
}

}  // namespace secateur::format
