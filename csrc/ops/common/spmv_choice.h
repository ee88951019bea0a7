// Which form of kernels/spmv a weight matrix is packed for.
#pragma once

#include "kernels/spmv/spmv.h"
#include "machine/machine.h"
#include "pack/decode.h"
#include "pack/weights.h"

namespace secateur {

struct SpmvChoice {
  const SpmvKernel* kernel;
  bool in_order;  // the rows of a slice follow one another
};

// As it is stored: dense, or each lane with columns of its own. What a layer of one position reads
// comes from memory, and that is the fewest bytes.
SpmvChoice spmv_as_stored(const WeightView& weight, int groups, Machine const& machine);

// Of a matrix that is multiplied again and again: whichever form costs least (machine/spmv_cost.h),
// dense among them. Rows are `groups` matrices. The same for any number of threads.
SpmvChoice choose_spmv(const SparseRows& rows, int groups, const Machine& machine);

// Rows of one of the groups.
SparseRows spmv_group(const SparseRows& rows, int64_t group, int64_t group_rows);

}  // namespace secateur
