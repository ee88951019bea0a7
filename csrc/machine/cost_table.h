// The constants of a machine's cost model, as plain data: one field a row of cost_fields.inc. A
// shipped table lies in costs/, with where it comes from; a measured one may take its place.
#pragma once

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
