// A row-major tensor under another shape: nothing where it stays in place, else a copy.
#include "base/text.h"
#include "ops/common/strided_copy.h"
#include "ops/room.h"

namespace secateur {

Status verify(const OpTensors& p, const format::Reshape&) {
  SCT_RETURN_IF_ERROR(p.expect_moved(1));
  if (row_major(p.x()) && row_major(p.y()) && p.x().elements() == p.y().elements()) return {};
  return invalid(text("it makes ", shape(p.y()), " of ", shape(p.x())));
}

Status build(const OpSource& s, const format::Reshape&, OperatorPtr* out) {
  const format::Tensor& x = s.tensor_x();
  CopyDims all;
  all.push_back({x.elements(), 1, 1});
  *out = make_mover({StridedCopy(all, x.element_bytes())}, "reshape/copy");
  return {};
}

}  // namespace secateur
