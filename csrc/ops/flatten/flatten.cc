// [C][P] -> [C * P][1]: planes without what lies between them.
#include "ops/flatten/flatten.h"

#include <cstring>

#include "base/text.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

class Flatten final : public Operator {
 public:
  explicit Flatten(const FlattenDesc& desc) : x_(desc.x), y_(desc.y) {}

  void run(const RunContext& context) const noexcept override {
    const float* x = context.input(0);
    float* y = context.output(0);
    for_ranges(context.pool, x_.count(), x_.length, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        std::memcpy(y + row / x_.per_batch * y_.batch_stride + row % x_.per_batch * x_.length,
                    x + x_.offset(row), static_cast<size_t>(x_.length) * sizeof(float));
      }
    });
  }
  std::string kernel() const override { return "flatten/copy"; }

 private:
  Rows x_;
  Planes y_;
};

}  // namespace

Status make_flatten(const FlattenDesc& desc, Isa, OperatorPtr* op) {
  *op = std::make_unique<Flatten>(desc);
  return {};
}

Status verify(const OpTensors& p, const format::Flatten&) {
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1));
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  const format::Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && positions(y) == 1 && x.channels * positions(x) == y.channels) return {};
  return invalid(text("it makes ", shape(y), " of ", shape(x)));
}

Status build(const OpSource& s, const format::Flatten&, OperatorPtr* out) {
  return make_flatten({s.x(), s.y()}, s.isa, out);
}

}  // namespace secateur
