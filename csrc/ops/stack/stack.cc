// Row-major tensors side by side along one dimension.
#include "base/text.h"
#include "ops/common/strided_copy.h"
#include "ops/room.h"

namespace secateur {

Status verify(const OpTensors& p, const format::Stack& o) {
  SCT_RETURN_IF_ERROR(p.expect_moved_rows(format::kMaxOpTensors));
  std::vector<uint32_t> all = p.x().shape;
  if (o.axis >= all.size()) return invalid(text("there is no dimension ", o.axis));
  uint64_t total = 0;
  for (size_t i = 0; i < p.inputs(); i++) {
    if (p.x(i).shape.size() == all.size()) all[o.axis] = p.x(i).shape[o.axis];
    if (p.x(i).shape != all) return invalid(text("input ", i, " is ", shape(p.x(i))));
    total += all[o.axis];
  }
  all[o.axis] = static_cast<uint32_t>(total);
  if (total <= INT32_MAX && all == p.y().shape) return {};
  return invalid(text("it makes ", shape(p.y()), " of ", total, " along dimension ", o.axis));
}

Status build(const OpSource& s, const format::Stack& o, OperatorPtr* out) {
  const std::vector<uint32_t>& y = s.tensor_y().shape;
  int64_t before = 1, behind = 1, first = 0;
  for (size_t d = 0; d < y.size(); d++) (d < o.axis ? before : behind) *= y[d];
  Moves moves;
  for (size_t i = 0; i < s.op.inputs.size(); i++) {
    const int64_t run = s.tensor_x(i).elements() / before;
    CopyDims dims;
    dims.push_back({before, run, behind});
    dims.push_back({run, 1, 1});
    moves.copies.emplace_back(dims, s.tensor_y().element_bytes(), 0, first);
    first += run;
  }
  *out = make_mover(std::move(moves), "stack/blocked");
  return {};
}

}  // namespace secateur
