// Elements in another order, between any two layouts.
#pragma once

#include "ops/op.h"

namespace secateur {

// As verified: x and y are planes or row-major, of one dtype; their elements in order, seen as
// `shape` and permuted.
struct PermuteDesc {
  format::Tensor x, y;
  std::vector<uint32_t> shape, order;
};

Status make_permute(const PermuteDesc& desc, OperatorPtr* op);

}  // namespace secateur
