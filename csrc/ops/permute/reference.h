// Permutation as its definition: where each element comes from.
#pragma once

#include "ops/permute/permute.h"

namespace secateur::reference {

// Of element number `i` of y, in order: the number of the element of x.
inline int64_t permuted_from(const PermuteDesc& d, int64_t i) {
  std::vector<int64_t> at(d.shape.size());
  for (size_t k = d.order.size(); k-- > 0;) {
    const uint32_t size = d.shape[d.order[k]];
    at[d.order[k]] = i % size;
    i /= size;
  }
  int64_t from = 0;
  for (size_t k = 0; k < d.shape.size(); ++k) from = from * d.shape[k] + at[k];
  return from;
}

// Where element number `i`, in order, lies in memory, in elements.
inline int64_t place_of(const format::Tensor& t, int64_t i) {
  if (t.layout == format::Layout::row_major) return i;
  const int64_t positions = int64_t{t.height} * t.width;
  const int64_t plane = i / positions;
  return plane / t.channels * static_cast<int64_t>(t.batch_stride) +
         plane % t.channels * static_cast<int64_t>(t.plane_stride) + i % positions;
}

}  // namespace secateur::reference
