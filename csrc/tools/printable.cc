#include "tools/printable.h"

#include <cstdint>
#include <cstdio>

namespace secateur::tools {
namespace {

// The character at text[at] and its bytes; 0 bytes where none begins (overlong forms, surrogates
// and what lies above U+10FFFF are none).
uint32_t decode(const std::string& text, size_t at, size_t* bytes) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const uint32_t first = byte(at);
  *bytes = 1;
  if (first < 0x80) return first;
  const size_t count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  uint32_t c = first & (0xffu >> (count + 1));
  *bytes = 0;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < count; i++) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
    c = c << 6 | (byte(at + i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kLeast[count] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
  *bytes = count;
  return c;
}

// Control characters, line and paragraph separators, marks of direction, and the byte order mark.
bool shows(uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad) return false;
  return !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
         !(c >= 0x2060 && c <= 0x206f) && c != 0x61c && c != 0xfeff;
}

void append(const char* format, uint32_t c, std::string* out) {
  char escaped[12];
  std::snprintf(escaped, sizeof escaped, format, c);
  *out += escaped;
}

}  // namespace

std::string printable(const std::string& text) {
  std::string out;
  for (size_t at = 0, bytes = 0; at < text.size(); at += bytes) {
    const uint32_t c = decode(text, at, &bytes);
    if (bytes == 0) {
      bytes = 1;
      append("\\x%02x", static_cast<unsigned char>(text[at]), &out);
    } else if (shows(c)) {
      out.append(text, at, bytes);
    } else {
      append(c < 0x100 ? "\\x%02x" : "\\u%04x", c, &out);
    }
  }
  return out;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (size_t at = 0, bytes = 0; at < text.size(); at += bytes) {
    const uint32_t c = decode(text, at, &bytes);
    if (bytes == 0) {
      bytes = 1;
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (shows(c)) {
      out.append(text, at, bytes);
    } else {
      append("\\u%04x", c, &out);
    }
  }
  return out + "\"";
}

}  // namespace secateur::tools
