// From a Status to the exception of secateur.errors that fits.
#pragma once

#include <string>

#include "base/status.h"

namespace secateur::bindings {

// Throws (pybind11::error_already_set, with the Python exception set) unless `status` is ok.
void check(const Status& status);

[[noreturn]] void raise(StatusCode code, const std::string& message);

}  // namespace secateur::bindings
