// y = act(x).
#include "ops/unary/unary.h"

#include "base/text.h"
#include "format/verify.h"
#include "kernels/elementwise/activation.h"
#include "ops/common/fused_activation.h"
#include "ops/common/rows.h"
#include "ops/room.h"
#include "ops/unary/table.h"

namespace secateur {
namespace {

class Unary final : public Operator {
 public:
  Unary(const UnaryDesc& desc, Isa isa)
      : x_(desc.x),
        y_(desc.y),
        activation_(desc.activation),
        fn_(select_unary(static_cast<int>(desc.activation.kind), isa)),
        isa_(isa) {}

  void run(const RunContext& context) const noexcept override {
    const float* x = context.input(0);
    float* y = context.output(0);
    for_ranges(context.pool, x_.count(), x_.length, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        fn_(x + x_.offset(row), y + y_.offset(row), x_.length, activation_.a, activation_.b);
      }
    });
  }
  std::string kernel() const override { return text("unary/", isa_name(isa_)); }

 private:
  Rows x_, y_;
  Activation activation_;
  UnaryFn fn_;
  Isa isa_;
};

// Of a row-major tensor: one run of elements.
class UnaryRun final : public Operator {
 public:
  UnaryRun(int64_t elements, const Activation& activation, Isa isa)
      : elements_(elements),
        activation_(activation),
        fn_(select_unary(static_cast<int>(activation.kind), isa)),
        isa_(isa) {}

  void run(const RunContext& context) const noexcept override {
    for_ranges(context.pool, elements_, 1, [&](int64_t begin, int64_t end, int) {
      fn_(context.input(0) + begin, context.output(0) + begin, end - begin, activation_.a,
          activation_.b);
    });
  }
  std::string kernel() const override { return text("unary/", isa_name(isa_)); }

 private:
  int64_t elements_;
  Activation activation_;
  UnaryFn fn_;
  Isa isa_;
};

}  // namespace

Status make_unary(const UnaryDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Unary>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Unary& o) {
  if (p.quantised()) {
    SCT_RETURN_IF_ERROR(p.expect(1, 1, {kAllI8}));
    SCT_RETURN_IF_ERROR(p.expect_no_activation());
    SCT_RETURN_IF_ERROR(format::verify_buffer(p.model, o.table, 256, "table"));
    return same(p.y(), p.x(), "the output");
  }
  if (o.table != format::kNoBuffer) return invalid("a table for f32");
  if (row_major(p.y())) {
    SCT_RETURN_IF_ERROR(p.expect_rows(1, 1));
    return same_shape(p);
  }
  SCT_RETURN_IF_ERROR(p.expect_planes(1, 1));
  return same(p.y(), p.x(), "the output");
}

Status build(const OpSource& s, const format::Unary& o, OperatorPtr* out) {
  if (s.quantised()) return make_table({s.x(), s.y(), s.array<int8_t>(o.table)}, s.isa, out);
  if (row_major(s.tensor_y())) {
    *out = std::make_unique<UnaryRun>(s.tensor_y().elements(), s.activation(), s.isa);
    return {};
  }
  return make_unary({s.x(), s.y(), s.activation()}, s.isa, out);
}

}  // namespace secateur
