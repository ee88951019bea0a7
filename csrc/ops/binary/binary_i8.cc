// Rows of quads, each with its row, or its quad, of the second input.
#include "ops/binary/binary_i8.h"

#include "base/text.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

class BinaryI8 final : public Operator {
 public:
  BinaryI8(const BinaryI8Desc& desc, Isa isa) : x_(quads(desc.x)), y_(quads(desc.y)), isa_(isa) {
    const Planes b = quads(desc.b);
    args_.one = desc.x.positions() > 1 && b.positions() == 1;
    stride_ = b.plane_stride;
    batch_stride_ = b.batch == 1 ? 0 : b.batch_stride;
    args_.a_zero = desc.x_scale.zero;
    args_.b_zero = desc.b_scale.zero;
    args_.to = to_code(desc.activation, desc.y_scale);
    const double x = desc.x_scale.scale, other = desc.b_scale.scale, y = desc.y_scale.scale;
    const CodesKernels& kernels = select_codes(isa);
    fn_ = desc.kind == BinaryKind::mul ? kernels.mul : kernels.add;
    args_.a_factor = static_cast<float>(desc.kind == BinaryKind::mul ? x * other / y : x / y);
    args_.b_factor = static_cast<float>(other / y);
    if (desc.kind == BinaryKind::sub) {
      float& less = desc.reversed ? args_.a_factor : args_.b_factor;
      less = -less;
    }
  }

  void run(const RunContext& context) const noexcept override {
    for_ranges(context.pool, x_.count(), 4 * x_.length, [&](int64_t begin, int64_t end, int) {
      BinaryCodes args = args_;
      args.n = x_.length;
      for (int64_t row = begin; row < end; ++row) {
        args.a = context.input<uint32_t>(0) + x_.offset(row);
        args.b = context.input<uint32_t>(1) + row / x_.per_batch * batch_stride_ +
                 row % x_.per_batch * stride_;
        args.y = context.output<uint32_t>(0) + y_.offset(row);
        fn_(args);
      }
    });
  }
  std::string kernel() const override { return text("binary_i8/", isa_name(isa_)); }

 private:
  Rows x_, y_;
  BinaryCodes args_{};
  void (*fn_)(const BinaryCodes&);
  int64_t stride_, batch_stride_;
  Isa isa_;
};

}  // namespace

Status make_binary_i8(const BinaryI8Desc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<BinaryI8>(desc, isa);
  return {};
}

}  // namespace secateur
