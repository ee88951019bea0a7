// The instruction sets that tests of values walk: those that this CPU runs and that have f32
// kernels of their own. The others run the same kernels (kernels/fallback_test.cc).
#pragma once

#include <vector>

#include "kernels/spmm/spmm.h"

namespace secateur {

inline std::vector<Isa> usable_isas() {
  std::vector<Isa> isas;
  for (Isa isa : kAllIsas) {
    if (isa_usable(isa) && spmm_isa(isa) == isa) isas.push_back(isa);
  }
  return isas;
}

}  // namespace secateur
