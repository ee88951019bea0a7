// [C][P] -> [C * P][1]: planes without what lies between them.
#include <cstring>

#include "ops/common/rows.h"
#include "ops/op.h"

namespace secateur {
namespace {

class Flatten final : public Operator {
 public:
  explicit Flatten(const FlattenDesc& desc) : x_(desc.x), y_(desc.y) {}

  void run(const RunContext& context) const noexcept override {
    const float* x = context.inputs[0];
    float* y = context.outputs[0];
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

}  // namespace secateur
