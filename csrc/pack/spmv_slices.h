// Packs a sparse matrix for the SpMV kernels whose slices share columns or windows of them
// (kernels/spmv/spmv.h): what stays in the caches and is multiplied again and again.
#pragma once

#include <cstdint>

#include "base/spmv_form.h"
#include "pack/decode.h"
#include "pack/spmv_pack.h"
#include "pack/weight_memory.h"

namespace secateur {

// Slices of `lanes` rows, of form shared or window; one behind the other or, of windows, sorted by
// nonzeros, so that a long row does not lengthen every slice.
struct SpmvLayout {
  SpmvForm form;
  int lanes;
  int window = 1;  // columns of a depth, a zero among them
  bool in_order = true;

  // Floats of x as it is read, of `columns` values. window: in groups of window - 1 and a zero.
  int64_t vector_floats(int64_t columns) const;
};

// Depths of all slices together, in one part.
int64_t spmv_depths(const SparseRows& rows, const SpmvLayout& layout);

// The layout must reach the columns. Streams lie in `memory`, or on their own without it.
void pack_spmv_slices(const SparseRows& rows, const SpmvLayout& layout, int parts,
                      WeightMemory* memory, SpmvWeights* out);

}  // namespace secateur
