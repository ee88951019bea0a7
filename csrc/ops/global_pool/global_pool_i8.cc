// A quad at a time: four sums or maxima, rescaled.
#include "ops/global_pool/global_pool_i8.h"

#include "base/text.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

class GlobalPoolI8 final : public Operator {
 public:
  GlobalPoolI8(const GlobalPoolI8Desc& desc, Isa isa)
      : x_(quads(desc.x)),
        y_(quads(desc.y)),
        to_(to_code(desc.activation, desc.y_scale)),
        isa_(isa) {
    const bool mean = desc.kind == ReduceKind::mean;
    const int64_t count = mean ? x_.positions() : 1;
    fn_ = mean ? select_codes(isa).sum : select_codes(isa).max;
    less_ = static_cast<int32_t>(desc.x_scale.zero * count);
    factor_ = static_cast<float>(double{desc.x_scale.scale} /
                                 (double{desc.y_scale.scale} * static_cast<double>(count)));
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t n = x_.positions(), channels = x_.channels;
    for_ranges(context.pool, x_.batch * channels, 4 * n, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / channels, quad = i % channels;
        int32_t reduced[4];
        fn_(context.input<uint32_t>(0) + batch * x_.batch_stride + quad * x_.plane_stride, n,
            reduced);
        int8_t* y = context.output<int8_t>(0) + 4 * (batch * y_.batch_stride + quad);
        for (int c = 0; c < 4; ++c) {
          y[c] = code_of(static_cast<float>(reduced[c] - less_) * factor_, to_);
        }
      }
    });
  }
  std::string kernel() const override { return text("global_pool_i8/", isa_name(isa_)); }

 private:
  Planes x_, y_;  // of quads
  ToCode to_;
  void (*fn_)(const uint32_t*, int64_t, int32_t*);
  int32_t less_;
  float factor_;
  Isa isa_;
};

}  // namespace

Status make_global_pool_i8(const GlobalPoolI8Desc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<GlobalPoolI8>(desc, isa);
  return {};
}

}  // namespace secateur
