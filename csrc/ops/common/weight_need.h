// What a stored weight takes while it is decoded, and packed for SpMV (ops/need.h).
#pragma once

#include "format/model.h"
#include "ops/need.h"

namespace secateur {

// The stored form of a weight matrix, as its numbers and its counts tell.
struct WeightEntries {
  double rows = 0, cols = 0;
  double all = 0, of_a_row = 0;  // entries, and the most that a row has
  format::WeightFormat format = format::WeightFormat::dense;
  int values_bits = 32;

  double cells() const { return rows * cols; }
  bool stored_dense() const { return format == format::WeightFormat::dense; }
  // Executed dense although stored sparse, perhaps.
  bool near_dense() const;
  // Bytes of decoded rows, and of the dense matrix made of them.
  double decoding() const;
};

WeightEntries weight_entries(const format::Model& model, const format::Weight& weight);

// Of a matrix that meets one vector at a time (ops/common/spmv_matrix.h). work: of one vector, with
// its copy; scratch: of the copy. any_form: packed for whichever kernels cost least
// (ops/common/spmv_choice.h), not as it is stored.
Need need_of_spmv(const WeightEntries& entries, double groups, int threads, bool any_form = false);

}  // namespace secateur
