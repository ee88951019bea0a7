// What a matrix costs that meets one vector after another, such as the weight of a recurrent layer
// at every step: the instructions of its form and, where it is larger than the second-level cache,
// the lines that come from beyond it each time. One rule for every form, so that the fewest win
// (ops/common/spmv_choice.h): sparse never runs slower than dense for being stored sparse.
#pragma once

#include <cstdint>

#include "base/spmv_form.h"
#include "machine/machine.h"

namespace secateur {

struct SpmvWork {
  SpmvForm form = SpmvForm::dense;
  bool in_order = true;
  int vectors = 1, lanes = 1;  // of a slice
  int64_t rows = 0, slices = 0;
  int64_t depths = 0;  // of all slices together
  int64_t copied = 0;  // vectors of x that are laid out anew
  int64_t bytes = 0;   // of the streams
};

double spmv_cost(const SpmvWork& work, const Machine& machine);

}  // namespace secateur
