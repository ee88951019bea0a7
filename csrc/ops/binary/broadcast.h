// y = act(a op b) of row-major tensors, with NumPy's broadcasting.
#pragma once

#include "ops/binary/binary.h"
#include "ops/common/nest.h"

namespace secateur {

struct BroadcastDesc {
  std::vector<uint32_t> a, b, y;  // shapes
  BinaryKind kind = BinaryKind::add;
  bool reversed = false;
  Activation activation;
};

// The loops over all dimensions of y but the last `inner`, with places in a, b and y. stride: of
// the dimension before these.
Nest<3> broadcast_nest(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b,
                       const std::vector<uint32_t>& y, size_t inner, Nest<3>::Strides stride);
// Whether a and b give y.
bool broadcast_to(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b,
                  const std::vector<uint32_t>& y);
// `isa` must be usable.
Status make_broadcast(const BroadcastDesc& desc, Isa isa, OperatorPtr* op);

}  // namespace secateur
