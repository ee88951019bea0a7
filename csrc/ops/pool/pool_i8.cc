// Quads shared among threads.
#include "ops/pool/pool_i8.h"

#include <vector>

#include "base/text.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"

namespace secateur {
namespace {

class PoolI8 final : public Operator {
 public:
  PoolI8(const PoolI8Desc& desc, Isa isa)
      : x_(quads(desc.x)), y_(quads(desc.y)), max_(desc.kind == PoolKind::max), isa_(isa) {
    const Window& w = desc.window;
    fn_ = select_codes(isa).pool;
    args_.height = x_.height;
    args_.width = x_.width;
    args_.out_height = y_.height;
    args_.out_width = y_.width;
    args_.kernel_h = w.kernel_h;
    args_.stride_h = w.stride_h;
    args_.dilation_h = w.dilation_h;
    args_.pad_top = w.pad_top;
    args_.kernel_w = w.kernel_w;
    args_.stride_w = w.stride_w;
    args_.dilation_w = w.dilation_w;
    args_.pad_left = w.pad_left;
    args_.zero = desc.x_scale.zero;
    args_.to = to_code(desc.activation, desc.y_scale);
    const double x = desc.x_scale.scale, y = desc.y_scale.scale;
    // By how many elements count.
    const int64_t most = max_ ? 0 : int64_t{w.kernel_h} * w.kernel_w;
    for (int64_t n = 0; n <= most; ++n) {
      factor_.push_back(static_cast<float>(x / (n > 0 ? y * static_cast<double>(n) : y)));
    }
    if (max_) return;
    const bool all = desc.kind == PoolKind::average_counting_pad;
    rows_ = counts(y_.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, all ? -w.pad_top : 0,
                   x_.height + (all ? w.pad_bottom : 0));
    columns_ = counts(y_.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left,
                      all ? -w.pad_left : 0, x_.width + (all ? w.pad_right : 0));
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t work =
        4 * (x_.positions() * args_.kernel_h / args_.stride_h + y_.positions() * args_.kernel_w);
    for_ranges(
        context.pool, int64_t{x_.batch} * x_.channels, work,
        [&](int64_t begin, int64_t end, int thread) {
          PoolCodes args = args_;
          args.factor = factor_.data();
          args.rows = max_ ? nullptr : rows_.data();
          args.columns = columns_.data();
          args.line = thread_scratch(context.scratch, line_bytes(), thread);
          for (int64_t i = begin; i < end; ++i) {
            const int64_t batch = i / x_.channels, quad = i % x_.channels;
            args.x = context.input<uint32_t>(0) + batch * x_.batch_stride + quad * x_.plane_stride;
            args.y = context.output<uint32_t>(0) + batch * y_.batch_stride + quad * y_.plane_stride;
            fn_(args);
          }
        });
  }

  size_t scratch_bytes(int threads) const override {
    return thread_scratch_bytes(line_bytes(), threads);
  }
  std::string kernel() const override {
    return text(max_ ? "pool_max_i8/" : "pool_average_i8/", isa_name(isa_));
  }

 private:
  size_t line_bytes() const { return static_cast<size_t>(pool_line_bytes(args_)); }
  // Of each output's window how many elements lie in [lo, hi).
  static std::vector<int32_t> counts(int64_t outputs, int kernel, int stride, int dilation, int pad,
                                     int64_t lo, int64_t hi) {
    std::vector<int32_t> found;
    for (int64_t i = 0; i < outputs; ++i) {
      int32_t inside = 0;
      for (int64_t r = 0; r < kernel; ++r) {
        const int64_t at = i * stride - pad + r * dilation;
        inside += at >= lo && at < hi;
      }
      found.push_back(inside);
    }
    return found;
  }

  Planes x_, y_;  // of quads
  bool max_;
  PoolCodes args_{};
  void (*fn_)(const PoolCodes&);
  std::vector<float> factor_;
  std::vector<int32_t> rows_, columns_;
  Isa isa_;
};

}  // namespace

Status make_pool_i8(const PoolI8Desc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<PoolI8>(desc, isa);
  return {};
}

}  // namespace secateur
