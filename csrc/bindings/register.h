// What each file of the extension adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace secateur::bindings {

void register_encode(pybind11::module_& m);
void register_session(pybind11::module_& m);
void register_tuner(pybind11::module_& m);

}  // namespace secateur::bindings
