// [C][P] -> [P][C].
#include "ops/transpose/transpose.h"

#include "base/text.h"
#include "kernels/movement/transpose.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

// Output rows per unit of shared work: a cache line of the input's columns.
constexpr int64_t kStrip = 16;

class Transpose final : public Operator {
 public:
  explicit Transpose(const TransposeDesc& desc) : x_(desc.x), y_(desc.y) {}

  void run(const RunContext& context) const noexcept override {
    const int64_t positions = x_.positions(), strips = (positions + kStrip - 1) / kStrip;
    for_ranges(context.pool, x_.batch * strips, kStrip * x_.channels,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t batch = i / strips, first = i % strips * kStrip;
                   const int64_t columns = positions - first < kStrip ? positions - first : kStrip;
                   transpose(context.input(0) + batch * x_.batch_stride + first, x_.plane_stride,
                             context.output(0) + batch * y_.batch_stride + first * y_.plane_stride,
                             y_.plane_stride, x_.channels, columns);
                 }
               });
  }
  std::string kernel() const override { return "transpose/blocked"; }

 private:
  Planes x_, y_;
};

}  // namespace

Status make_transpose(const TransposeDesc& desc, Isa, OperatorPtr* op) {
  *op = std::make_unique<Transpose>(desc);
  return {};
}

Status verify(const OpTensors& p, const format::Transpose&) {
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  const format::Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && positions(x) == y.channels && x.channels == positions(y)) return {};
  return invalid(text("it makes ", shape(y), " of ", shape(x)));
}

Status build(const OpSource& s, const format::Transpose&, OperatorPtr* out) {
  return make_transpose({s.x(), s.y()}, s.isa, out);
}

}  // namespace secateur
