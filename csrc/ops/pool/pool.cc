// Max and average pooling over windows: planes shared among threads.
#include "ops/pool/pool.h"

#include <algorithm>
#include <vector>

#include "kernels/depthwise/depthwise.h"
#include "kernels/pool/pool.h"
#include "ops/common/fused_activation.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"
#include "ops/pool/pool_i8.h"
#include "ops/room.h"

namespace secateur {
namespace {

// How many of the window's elements lie in [lo, hi).
int elements_inside(int64_t begin, int kernel, int dilation, int64_t lo, int64_t hi) {
  int inside = 0;
  for (int r = 0; r < kernel; ++r) {
    const int64_t at = begin + int64_t{r} * dilation;
    inside += at >= lo && at < hi;
  }
  return std::max(inside, 1);  // a window wholly in padding: 0 / 1, not NaN
}

class Pool final : public Operator {
 public:
  Pool(const PoolDesc& desc, Isa isa)
      : x_(desc.x), y_(desc.y), window_(desc.window), activation_(desc.activation, isa), isa_(isa) {
    const Window& w = window_;
    const bool average = desc.kind != PoolKind::max;
    fn_ = average ? select_average_pool(isa) : select_max_pool(isa);
    name_ = average ? "pool_average/" : "pool_max/";
    // average divides by the elements inside the plane; average_counting_pad by those inside the
    // padded extent: a window that overruns even that (ceil mode) does not count the overrun.
    const bool counting = desc.kind == PoolKind::average_counting_pad;
    const int64_t top = counting ? -w.pad_top : 0, left = counting ? -w.pad_left : 0;
    const int64_t bottom = x_.height + (counting ? w.pad_bottom : 0);
    const int64_t right = x_.width + (counting ? w.pad_right : 0);
    for (int i = 0; i < y_.height; ++i) {
      row_count_.push_back(static_cast<float>(elements_inside(
          int64_t{i} * w.stride_h - w.pad_top, w.kernel_h, w.dilation_h, top, bottom)));
    }
    column_count_.assign(round_up(y_.width, kLineFloats), 1.f);
    for (int j = 0; j < y_.width; ++j) {
      column_count_[j] = static_cast<float>(elements_inside(int64_t{j} * w.stride_w - w.pad_left,
                                                            w.kernel_w, w.dilation_w, left, right));
    }
    const int64_t columns =
        int64_t{y_.width - 1} * w.stride_w + int64_t{w.kernel_w - 1} * w.dilation_w + 1;
    padded_width_ = std::max<int64_t>(columns, w.pad_left + int64_t{x_.width});
    phase_pitch_ = depthwise_phase_pitch(padded_width_, w.stride_w, isa_vector_floats(isa));
    for (int s = 0; s < w.kernel_w; ++s) {
      const int64_t p = int64_t{s} * w.dilation_w;
      tap_offset_.push_back(p % w.stride_w * phase_pitch_ + p / w.stride_w);
    }
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t planes = int64_t{x_.batch} * x_.channels;
    const int64_t work = y_.positions() * (window_.kernel_h + window_.kernel_w);
    for_ranges(context.pool, planes, work, [&](int64_t begin, int64_t end, int thread) {
      PoolPlane p;
      p.height = x_.height;
      p.width = x_.width;
      p.out_height = y_.height;
      p.out_width = y_.width;
      p.kernel_h = window_.kernel_h;
      p.stride_h = window_.stride_h;
      p.dilation_h = window_.dilation_h;
      p.pad_top = window_.pad_top;
      p.kernel_w = window_.kernel_w;
      p.stride_w = window_.stride_w;
      p.pad_left = window_.pad_left;
      p.padded_width = padded_width_;
      p.phase_pitch = phase_pitch_;
      p.tap_offset = tap_offset_.data();
      p.row_count = row_count_.data();
      p.column_count = column_count_.data();
      p.row = thread_scratch(context.scratch, row_bytes(), thread);
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / x_.channels, channel = i % x_.channels;
        p.x = context.input(0) + batch * x_.batch_stride + channel * x_.plane_stride;
        p.y = context.output(0) + batch * y_.batch_stride + channel * y_.plane_stride;
        fn_(p);
        activation_.apply(p.y, y_.positions());
      }
    });
  }

  size_t scratch_bytes(int threads) const override {
    return thread_scratch_bytes(row_bytes(), threads);
  }
  std::string kernel() const override { return name_ + isa_name(isa_); }

 private:
  size_t row_bytes() const {
    return static_cast<size_t>(window_.stride_w * phase_pitch_) * sizeof(float);
  }

  Planes x_, y_;
  Window window_;
  FusedActivation activation_;
  PoolFn fn_;
  std::string name_;
  std::vector<float> row_count_, column_count_;
  std::vector<int64_t> tap_offset_;
  int64_t padded_width_, phase_pitch_;
  Isa isa_;
};

}  // namespace

Status make_pool(const PoolDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Pool>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Pool& o) {
  SCT_RETURN_IF_ERROR(p.expect(1, 1, {kAllF32, kAllI8}));
  if (o.kind > PoolKind::MAX) return invalid("an unknown kind of pooling");
  const format::Window w = format::window_of(o);
  SCT_RETURN_IF_ERROR(verify_window(w, p.x(), p.y()));
  // So that every window meets the input.
  if (w.pad_top >= w.kernel_h || w.pad_bottom >= w.kernel_h || w.pad_left >= w.kernel_w ||
      w.pad_right >= w.kernel_w) {
    return invalid("its padding is not smaller than its window");
  }
  const int64_t kernel = int64_t{w.kernel_h} * w.kernel_w;
  if (kernel > kMaxMacs / (positions(p.y()) * p.y().batch * p.y().channels)) {
    return invalid("too large");
  }
  if (p.x().channels != p.y().channels) return invalid("its channels change");
  if (p.quantised()) {
    if (kernel > INT32_MAX / 255) return invalid("its sums may pass 32 bits");
    SCT_RETURN_IF_ERROR(p.expect_bounds());
    return p.expect_factor(double{p.x().scale} / double{p.y().scale});
  }
  return {};
}

Status build(const OpSource& s, const format::Pool& o, OperatorPtr* out) {
  if (s.quantised()) {
    return make_pool_i8({s.x(), s.y(), op_window(o), o.kind, s.activation(), scale_of(s.tensor_x()),
                         scale_of(s.tensor_y())},
                        s.isa, out);
  }
  PoolDesc d;
  d.x = s.x();
  d.y = s.y();
  d.window = op_window(o);
  d.kind = o.kind;
  d.activation = s.activation();
  return make_pool(d, s.isa, out);
}

}  // namespace secateur
