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

// Of i8: every fourth byte of a quad's positions.
class FlattenI8 final : public Operator {
 public:
  explicit FlattenI8(const FlattenDesc& desc) : x_(desc.x), y_(desc.y) {}

  void run(const RunContext& context) const noexcept override {
    const int64_t n = x_.positions(), channels = x_.channels;
    for_ranges(context.pool, x_.batch * channels, n, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / channels, c = i % channels;
        const int8_t* x =
            context.input<int8_t>(0) + batch * x_.batch_stride + c / 4 * x_.plane_stride + c % 4;
        int8_t* y = context.output<int8_t>(0) + batch * y_.batch_stride + c * n;
        for (int64_t p = 0; p < n; ++p) y[p] = x[4 * p];
      }
    });
  }
  std::string kernel() const override { return "flatten_i8/copy"; }

 private:
  Planes x_, y_;
};

}  // namespace

Status make_flatten_i8(const FlattenDesc& desc, OperatorPtr* op) {
  *op = std::make_unique<FlattenI8>(desc);
  return {};
}

Status make_flatten(const FlattenDesc& desc, Isa, OperatorPtr* op) {
  *op = std::make_unique<Flatten>(desc);
  return {};
}

Status verify(const OpTensors& p, const format::Flatten&) {
  SCT_RETURN_IF_ERROR(p.expect(1, 1, {kAllF32, kAllI8}));
  if (p.quantised()) SCT_RETURN_IF_ERROR(p.expect_one_scale());
  SCT_RETURN_IF_ERROR(p.expect_no_activation());
  const format::Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && positions(y) == 1 && x.channels * positions(x) == y.channels) return {};
  return invalid(text("it makes ", shape(y), " of ", shape(x)));
}

Status build(const OpSource& s, const format::Flatten&, OperatorPtr* out) {
  if (s.quantised()) return make_flatten_i8({s.x(), s.y()}, out);
  return make_flatten({s.x(), s.y()}, s.isa, out);
}

}  // namespace secateur
