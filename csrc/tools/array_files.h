// Inputs and outputs as files of raw little-endian elements, row-major.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/model.h"

namespace secateur::tools {

using Array = std::vector<std::byte>;  // of one port: its elements, row-major

// Exactly the port's elements. Waits for nothing: a pipe that nobody writes to is empty.
Status read_array(const std::string& path, const PortInfo& port, Array* out);

// Whole or not at all: a regular file is written beside its place and renamed to it, with the mode
// that the file there has; a symbolic link stays one. What is no regular file (/dev/stdout, a pipe)
// is written through.
Status write_array(const std::string& path, const Array& values);

}  // namespace secateur::tools
