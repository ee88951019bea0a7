// Text that comes from a file, made fit to be shown.
#pragma once

#include <string>

namespace secateur::tools {

// With every character that a terminal would obey instead of showing written as its escape, as
// Python does: control characters (\x1b), marks that turn the direction of writing (\u202e), and
// bytes that are no UTF-8 (\xff).
std::string printable(const std::string& text);

// A JSON string in quotes: valid UTF-8 whatever the bytes, which where they are none become U+FFFD.
std::string quoted(const std::string& text);

}  // namespace secateur::tools
