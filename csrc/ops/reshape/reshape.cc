// A row-major tensor under another shape: nothing where it stays in place, else a copy.
#include "base/text.h"
#include "ops/common/strided_copy.h"
#include "ops/room.h"

namespace secateur {

Status verify(const OpTensors& p, const format::Reshape&) {
  SCT_RETURN_IF_ERROR(p.expect_moved_rows(1));
  if (p.x().elements() == p.y().elements()) return {};
  return invalid(text("it makes ", shape(p.y()), " of ", shape(p.x())));
}

Status build(const OpSource& s, const format::Reshape&, OperatorPtr* out) {
  const format::Tensor& x = s.tensor_x();
  CopyDims all;
  all.push_back({x.elements(), 1, 1});
  Moves moves;
  moves.copies.emplace_back(all, x.element_bytes());
  *out = make_mover(std::move(moves), "reshape/copy");
  return {};
}

}  // namespace secateur
