// A layer's weight in other stored forms than the file's, to be measured in each.
#pragma once

#include <memory>
#include <vector>

#include "pack/decode.h"
#include "pack/weights.h"

namespace secateur {

// A weight and, where it is none of the file's, what its view points into.
struct StoredWeight {
  WeightView view;
  std::vector<float> values;
  std::vector<uint32_t> index, counts;
};

// All cells of `rows`, zeros included.
std::unique_ptr<StoredWeight> stored_dense(const SparseRows& rows);
std::unique_ptr<StoredWeight> stored_csr(const SparseRows& rows);

}  // namespace secateur
