// What a machine's cost model says of a measured plan: for who fits its constants.
#pragma once

#include "machine/profile.h"

namespace secateur {

// In slots, of a machine whose model is that (CostModel::slots).
double plan_cost(const MeasuredPlan& plan, const Machine& machine);

}  // namespace secateur
