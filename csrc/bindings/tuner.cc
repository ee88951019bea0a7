// Tuner: measures this machine, for `secateur tune` and the program that fits cost models.
#include "tune/tuner.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/errors.h"
#include "bindings/register.h"
#include "bindings/unlocked.h"
#include "runtime/isa_choice.h"
#include "tune/plan_cost.h"

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

// What the cost model of `isa`'s machine says of plans in columns, with some constants replaced.
std::vector<double> plan_costs(const std::vector<std::vector<int64_t>>& plans,
                               const std::string& isa, const std::map<std::string, double>& costs,
                               int64_t l1, int64_t l2) {
  Isa chosen;
  check(choose_isa(isa, &chosen));
  Machine machine = machine_of(chosen);
  if (l1 > 0) machine.l1_bytes = l1;
  if (l2 > 0) machine.l2_bytes = l2;
  if (machine.model != CostModel::slots) {
    raise(StatusCode::invalid_argument,
          std::string(machine.name) + " has another cost model than that of slots");
  }
  for (const auto& [name, value] : costs) {
    double* field = find_cost(&machine.costs, machine.model, name);
    if (!field) raise(StatusCode::invalid_argument, "the model reads no constant '" + name + "'");
    *field = value;
  }
  std::vector<double> out;
  for (const std::vector<int64_t>& row : plans) {
    MeasuredPlan plan;
    if (row.size() != plan.value.size()) {
      raise(StatusCode::invalid_argument, "a plan has another number of columns");
    }
    std::copy(row.begin(), row.end(), plan.value.begin());
    out.push_back(plan_cost(plan, machine));
  }
  return out;
}

std::map<std::string, double> shipped_costs(const std::string& isa) {
  Isa chosen;
  check(choose_isa(isa, &chosen));
  const Machine machine = machine_of(chosen);
  std::map<std::string, double> out;
  visit_costs(machine.costs, machine.model, [&](const char* name, bool read, double value) {
    if (read) out[name] = value;
  });
  return out;
}

}  // namespace

void register_tuner(py::module_& m) {
  m.attr("PROFILE_VERSION") = kProfileVersion;
  m.attr("PROFILE_COLUMNS") = columns();
  m.def("plan_costs", &plan_costs, py::arg("plans"), py::arg("isa") = "",
        py::arg("costs") = std::map<std::string, double>{}, py::arg("l1_bytes") = 0,
        py::arg("l2_bytes") = 0);
  m.def("shipped_costs", &shipped_costs, py::arg("isa") = "");
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
