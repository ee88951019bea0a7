// A constant around a row-major tensor.
#include "base/text.h"
#include "ops/common/strided_copy.h"
#include "ops/room.h"

namespace secateur {

Status verify(const OpTensors& p, const format::Enlarge& o) {
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  SCT_RETURN_IF_ERROR(p.expect_rows(1, 1));
  const std::vector<uint32_t>&x = p.x().shape, &y = p.y().shape;
  bool inside = x.size() == y.size() && o.before.size() == x.size();
  for (size_t d = 0; d < x.size() && inside; d++) {
    inside = uint64_t{o.before[d]} + x[d] <= y[d];
  }
  return inside ? Status() : invalid(text("it makes ", shape(p.y()), " of ", shape(p.x())));
}

Status build(const OpSource& s, const format::Enlarge& o, OperatorPtr* out) {
  const std::vector<uint32_t>&x = s.tensor_x().shape, &y = s.tensor_y().shape;
  CopyDims dims;
  int64_t first = 0, x_stride = 1, y_stride = 1;
  for (size_t d = x.size(); d-- > 0;) {
    first += o.before[d] * y_stride;
    dims.push_back({x[d], x_stride, y_stride});
    x_stride *= x[d];
    y_stride *= y[d];
  }
  Moves moves;
  moves.filled = x_stride == y_stride ? 0 : y_stride;
  moves.value = o.value;
  moves.copies.emplace_back(dims, sizeof(float), 0, first);
  *out = make_mover(std::move(moves), "enlarge/blocked");
  return {};
}

}  // namespace secateur
