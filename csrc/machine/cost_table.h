// The constants of a machine's cost model, as plain data: one field a row of cost_fields.inc. A
// shipped table lies in costs/, with where it comes from; a measured one may take its place.
#pragma once

#include <string_view>

namespace secateur {

// How ops/conv estimates a plan, by what bounds the machine's kernels.
enum class CostModel : int {
  slots = 0,     // FMAs, and what stands beside them (cost_slots.cc)
  loads,         // FMAs or loads, whichever are more, and lines from beyond L1 (cost_loads.cc)
  instructions,  // executed instructions and first-level misses (cost_instructions.cc)
};

struct CostTable {
#define SCT_COST(name, models) double name = 0;
#include "machine/cost_fields.inc"
};

// The field of that name if `model` reads it, else null. Names lie behind one another rather than
// in a list of pointers, for the device.
inline double* find_cost(CostTable* table, CostModel model, std::string_view name) {
  constexpr int kSlots = 1, kLoads = 2, kCounts = 4, kAll = 7;
#define SCT_COST(name, models) #name "\0"
  static constexpr char kNames[] =
#include "machine/cost_fields.inc"
      ;
#define SCT_COST(name, models) models,
  static constexpr unsigned char kModels[] = {
#include "machine/cost_fields.inc"
  };
  static_assert(sizeof(CostTable) == sizeof kModels * sizeof(double), "doubles alone");
  (void)kAll, (void)kSlots, (void)kLoads, (void)kCounts;
  const char* at = kNames;
  auto* field = reinterpret_cast<double*>(table);
  for (const unsigned char models : kModels) {
    const std::string_view known(at);
    if (known == name) return models >> static_cast<int>(model) & 1 ? field : nullptr;
    at += known.size() + 1;
    field++;
  }
  return nullptr;
}

// Calls visit(name, read, value) for each field of `table`, in order; `read`: whether the model
// reads it. The table may be const or not.
template <class Table, class Visit>
void visit_costs(Table& table, CostModel model, const Visit& visit) {
  constexpr int kSlots = 1, kLoads = 2, kCounts = 4, kAll = 7;
  const int bit = 1 << static_cast<int>(model);
#define SCT_COST(name, models) visit(#name, ((models)&bit) != 0, table.name);
#include "machine/cost_fields.inc"
  (void)kAll, (void)kSlots, (void)kLoads, (void)kCounts;
}

}  // namespace secateur
