// Mean, sum or maximum of each plane: [C][P] -> [C][1].
#include "ops/global_pool/global_pool.h"

#include "base/text.h"
#include "kernels/pool/pool.h"
#include "ops/common/fused_activation.h"
#include "ops/common/rows.h"
#include "ops/global_pool/global_pool_i8.h"
#include "ops/room.h"

namespace secateur {
namespace {

class GlobalPool final : public Operator {
 public:
  GlobalPool(const GlobalPoolDesc& desc, Isa isa)
      : x_(desc.x),
        y_(desc.y),
        mean_(desc.kind == ReduceKind::mean),
        activation_(desc.activation, isa),
        fn_(desc.kind == ReduceKind::max ? select_reduce_max(isa) : select_reduce_sum(isa)),
        isa_(isa) {}

  void run(const RunContext& context) const noexcept override {
    const int64_t n = x_.positions();
    const float count = static_cast<float>(n);
    for (int64_t batch = 0; batch < x_.batch; ++batch) {
      const float* x = context.input(0) + batch * x_.batch_stride;
      float* y = context.output(0) + batch * y_.batch_stride;
      for_ranges(context.pool, x_.channels, n, [&](int64_t begin, int64_t end, int) {
        for (int64_t c = begin; c < end; ++c) {
          const float reduced = fn_(x + c * x_.plane_stride, n);
          y[c * y_.plane_stride] = mean_ ? reduced / count : reduced;
        }
        activation_.apply(y + begin, end - begin);
      });
    }
  }
  std::string kernel() const override { return text("global_pool/", isa_name(isa_)); }

 private:
  Planes x_, y_;
  bool mean_;
  FusedActivation activation_;
  ReduceFn fn_;
  Isa isa_;
};

}  // namespace

Status make_global_pool(const GlobalPoolDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<GlobalPool>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::GlobalPool& o) {
  SCT_RETURN_IF_ERROR(p.expect(1, 1, {kAllF32, kAllI8}));
  if (o.kind > ReduceKind::max) return invalid("an unknown kind of reduction");
  const format::Tensor &x = p.x(), &y = p.y();
  if (p.quantised()) {
    if (o.kind == ReduceKind::sum) return invalid("of i8 it does not sum");
    if (positions(x) > INT32_MAX / 255) return invalid("its sums may pass 32 bits");
    SCT_RETURN_IF_ERROR(p.expect_bounds());
    SCT_RETURN_IF_ERROR(p.expect_factor(double{x.scale} / double{y.scale}));
  }
  if (x.batch == y.batch && x.channels == y.channels && positions(y) == 1) return {};
  return invalid(text("it makes ", shape(y), " of ", shape(x)));
}

Status build(const OpSource& s, const format::GlobalPool& o, OperatorPtr* out) {
  if (s.quantised()) {
    return make_global_pool_i8(
        {s.x(), s.y(), o.kind, s.activation(), scale_of(s.tensor_x()), scale_of(s.tensor_y())},
        s.isa, out);
  }
  return make_global_pool({s.x(), s.y(), o.kind, s.activation()}, s.isa, out);
}

}  // namespace secateur
