// The elements of a tensor in the order of its permuted dimensions, written into planes or a
// row-major tensor: the only operator between the two.
#include "ops/permute/permute.h"

#include "base/text.h"
#include "ops/common/strided_copy.h"
#include "ops/room.h"

namespace secateur {
namespace {

// From pieces of x in the order of y to dimensions with both strides. False where an axis of planes
// is cut elsewhere than `shape`.
bool dimensions(const PermuteDesc& d, CopyDims* dims) {
  Pieces of_x, of_y, ordered;
  Sizes shape, sizes;
  for (const uint32_t size : d.shape) shape.push_back(size);
  if (!split_axes(axes_of(d.x), shape, &of_x)) return false;
  for (const uint32_t dim : d.order) {
    for (const Piece& piece : of_x) {
      if (piece.part == dim) ordered.push_back(piece);
    }
  }
  for (const Piece& piece : ordered) sizes.push_back(piece.size);
  if (!split_axes(axes_of(d.y), sizes, &of_y)) return false;
  size_t part = sizes.size();
  int64_t stride = 0;  // in x, of the next piece of this part
  for (size_t i = of_y.size(); i-- > 0;) {
    const Piece& piece = of_y[i];
    if (piece.part != part) stride = ordered[piece.part].stride;
    part = piece.part;
    dims->push_back({piece.size, stride, piece.stride});
    stride *= piece.size;
  }
  return true;
}

}  // namespace

Status make_permute(const PermuteDesc& desc, OperatorPtr* op) {
  CopyDims dims;
  dimensions(desc, &dims);
  Moves moves;
  moves.copies.emplace_back(dims, desc.x.element_bytes());
  *op = make_mover(std::move(moves), "permute/blocked");
  return {};
}

Status verify(const OpTensors& p, const format::Permute& o) {
  SCT_RETURN_IF_ERROR(p.expect_moved(1));
  const format::Tensor &x = p.x(), &y = p.y();
  int64_t elements = 1;
  uint32_t seen = 0;
  for (size_t i = 0; i < o.shape.size(); i++) {
    if (o.shape[i] == 0 || i == format::kMaxRank || elements > x.elements() / o.shape[i]) {
      return invalid("its shape has more elements than x");
    }
    elements *= o.shape[i];
    if (i < o.order.size() && o.order[i] < o.shape.size()) seen |= 1u << o.order[i];
  }
  if (elements != x.elements() || elements != y.elements()) {
    return invalid(
        text("its shape has ", elements, " elements, x ", x.elements(), ", y ", y.elements()));
  }
  if (o.order.size() != o.shape.size() || seen != (1u << o.shape.size()) - 1) {
    return invalid(text("its order is none of ", o.shape.size(), " dimensions"));
  }
  CopyDims dims;
  if (dimensions({x, y, o.shape, o.order}, &dims)) return {};
  return invalid("it cuts an axis of planes elsewhere than its dimensions");
}

Status build(const OpSource& s, const format::Permute& o, OperatorPtr* out) {
  return make_permute({s.tensor_x(), s.tensor_y(), o.shape, o.order}, out);
}

}  // namespace secateur
