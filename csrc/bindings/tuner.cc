// Tuner: measures this machine, for `secateur tune` and the program that fits cost models.
#include "tune/tuner.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/errors.h"
#include "bindings/register.h"
#include "bindings/unlocked.h"
#include "runtime/isa_choice.h"

namespace secateur::bindings {
namespace {

namespace py = pybind11;

std::unique_ptr<Tuner> make_tuner(const std::string& wish, int threads) {
  Isa isa;
  check(choose_isa(wish, &isa));
  return std::make_unique<Tuner>(isa, threads);
}

std::vector<std::vector<int64_t>> rows(const std::vector<MeasuredPlan>& plans) {
  std::vector<std::vector<int64_t>> out;
  for (const MeasuredPlan& plan : plans) out.emplace_back(plan.value.begin(), plan.value.end());
  return out;
}

std::vector<std::string> columns() {
#define SCT_COLUMN(name) #name,
  return {
#include "machine/profile_columns.inc"
  };
}

}  // namespace

void register_tuner(py::module_& m) {
  m.attr("PROFILE_VERSION") = kProfileVersion;
  m.attr("PROFILE_COLUMNS") = columns();
  py::class_<Tuner>(m, "Tuner")
      .def(py::init(&make_tuner), py::arg("isa") = "", py::arg("threads") = 1)
      .def("resume", [](Tuner& self, const std::string& profile) { check(self.resume(profile)); })
      .def(
          "add_model",
          [](Tuner& self, const py::bytes& data, bool formats) {
            const std::string_view bytes = data;
            check(self.add_model(bytes.data(), bytes.size(), formats));
          },
          py::arg("data"), py::arg("formats") = true)
      .def("__len__", &Tuner::layers)
      .def("layer_name", &Tuner::layer_name)
      .def("measure_peaks",
           [](Tuner& self) {
             check(run_unlocked([&] {
               self.measure_peaks();
               return Status();
             }));
           })
      .def("measure",
           [](Tuner& self, size_t i, double seconds) {
             if (i >= self.layers()) throw py::index_error();
             check(run_unlocked([&] { return self.measure(i, seconds); }));
           })
      .def_property_readonly("trials", [](const Tuner& self) { return rows(self.trials()); })
      .def_property_readonly("plans", [](const Tuner& self) { return rows(self.plans()); })
      .def("profile", &Tuner::profile, py::arg("cpu_name") = "");
}

}  // namespace secateur::bindings
