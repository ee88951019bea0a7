// Every step-th element from a beginning, along each dimension of a row-major tensor.
#include "base/text.h"
#include "ops/common/strided_copy.h"
#include "ops/room.h"

namespace secateur {

Status verify(const OpTensors& p, const format::StridedSlice& o) {
  SCT_RETURN_IF_ERROR(p.expect_moved_rows(1));
  const std::vector<uint32_t>&x = p.x().shape, &y = p.y().shape;
  bool inside = x.size() == y.size() && o.begin.size() == x.size() && o.step.size() == x.size();
  for (size_t d = 0; d < x.size() && inside; d++) {
    inside = o.step[d] > 0 && o.begin[d] + (y[d] - uint64_t{1}) * o.step[d] < x[d];
  }
  return inside ? Status() : invalid(text("it makes ", shape(p.y()), " of ", shape(p.x())));
}

Status build(const OpSource& s, const format::StridedSlice& o, OperatorPtr* out) {
  const std::vector<uint32_t>&x = s.tensor_x().shape, &y = s.tensor_y().shape;
  CopyDims dims;
  int64_t first = 0, x_stride = 1, y_stride = 1;
  for (size_t d = x.size(); d-- > 0;) {
    first += o.begin[d] * x_stride;
    dims.push_back({y[d], x_stride * o.step[d], y_stride});
    x_stride *= x[d];
    y_stride *= y[d];
  }
  Moves moves;
  moves.copies.emplace_back(dims, s.tensor_x().element_bytes(), first, 0);
  *out = make_mover(std::move(moves), "strided_slice/blocked");
  return {};
}

}  // namespace secateur
