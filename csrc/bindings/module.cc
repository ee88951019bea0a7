// secateur._core: the runtime and the model writer, for Python.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "base/cpu.h"
#include "base/cpus.h"
#include "base/isa.h"
#include "base/planes.h"
#include "bindings/errors.h"
#include "bindings/register.h"
#include "format/file_header.h"
#include "runtime/isa_choice.h"
#include "runtime/machine_choice.h"

namespace {

namespace py = pybind11;
using namespace secateur;

py::tuple plane_strides(int batch, int channels, int height, int width, int element_bytes) {
  if (batch < 1 || channels < 1 || height < 1 || width < 1) {
    bindings::raise(StatusCode::invalid_argument, "every dimension must be at least 1");
  }
  if (element_bytes != 2 && element_bytes != 4) {
    bindings::raise(StatusCode::invalid_argument, "an element of planes has 2 or 4 bytes");
  }
  const int64_t line = kLineFloats * 4 / element_bytes;
  const Planes planes = make_planes(batch, channels, height, width, line);
  return py::make_tuple(planes.plane_stride, planes.batch_stride);
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (Isa isa : kAllIsas) {
    if (isa_usable(isa)) names.emplace_back(isa_name(isa));
  }
  return names;
}

Isa isa_of(const std::string& wish) {
  Isa isa;
  bindings::check(choose_isa(wish, &isa));
  return isa;
}

std::string selected_isa() { return isa_name(isa_of("")); }

}  // namespace

PYBIND11_MODULE(_core, m) {
  m.attr("__version__") = SECATEUR_VERSION;
  m.attr("FORMAT_VERSION") = py::make_tuple(format::kFormatMajor, format::kFormatMinor);
  m.def("available_isas", &available_isas);
  m.def("selected_isa", &selected_isa);
  m.def("available_cpus", &available_cpus);
  m.def(
      "threads_on",
      [](int threads, const std::string& cpus) {
        std::vector<int> found;
        bindings::check(threads_on(threads, cpus, &threads, &found));
        return threads;
      },
      py::arg("threads"), py::arg("cpus"));
  m.def("cpu_identity", &cpu_identity);
  m.def(
      "profile_path", [](const std::string& isa) { return profile_path(isa_of(isa)); },
      py::arg("isa") = "");
  m.def("plane_strides", &plane_strides, py::arg("batch"), py::arg("channels"), py::arg("height"),
        py::arg("width"), py::arg("element_bytes") = 4);
  bindings::register_encode(m);
  bindings::register_session(m);
  bindings::register_tuner(m);
}
