// Planes shared among threads, in bands of rows where there are fewer planes than threads.
#include "ops/depthwise/depthwise_f16.h"

#include <algorithm>
#include <vector>

#include "base/half.h"
#include "ops/common/half_activation.h"
#include "ops/common/rows.h"

namespace secateur {
namespace {

constexpr int64_t kBlockRows =
    7;  // output rows of a pass of the kernels; bands are multiples of it

class DepthwiseF16 final : public Operator {
 public:
  DepthwiseF16(const DepthwiseDesc& d, Features have)
      : x_(d.x),
        y_(d.y),
        pad_top_(d.window.pad_top),
        stride_(d.window.stride_h),
        activation_(d.activation, have),
        kernel_(depthwise_f16_kernel(d.x, d.y, d.window, have)) {
    for (int64_t i = 0; i < 9 * int64_t{x_.channels}; i++) {
      weight_.push_back(float_to_half(d.weight[i]));
    }
    for (int32_t i = 0; i < x_.channels; i++) {
      bias_.push_back(d.bias ? float_to_half(d.bias[i]) : uint16_t{0});
    }
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t planes = int64_t{x_.batch} * x_.channels;
    int64_t rows = y_.height;
    const int64_t wanted = (2 * context.pool->threads() + planes - 1) / planes;
    if (wanted > 1 && context.pool->threads() > 1) {
      rows = std::min(rows, round_up((y_.height + wanted - 1) / wanted, kBlockRows));
    }
    const int64_t bands = (y_.height + rows - 1) / rows;
    for_ranges(context.pool, planes * bands, rows * y_.width * 9,
               [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end;) i += run_planes(context, i, end, rows, bands);
               });
  }
  std::string kernel() const override {
    return stride_ == 1 ? "depthwise_f16/neonfp16 3x3s1" : "depthwise_f16/neonfp16 3x3s2";
  }
  size_t packed_bytes() const override { return (weight_.size() + bias_.size()) * 2; }
  int64_t macs() const override { return y_.batch * y_.positions() * y_.channels * 9; }

 private:
  // From item i on: whole planes by as many as a batch holds before `end`, or one band. How many.
  int64_t run_planes(const RunContext& context, int64_t i, int64_t end, int64_t rows,
                     int64_t bands) const noexcept {
    const int64_t plane = i / bands, first = i % bands * rows;
    const int64_t batch = plane / x_.channels, channel = plane % x_.channels;
    DepthwiseF16Planes p;
    p.planes = bands > 1 ? 1 : std::min(end - i, x_.channels - channel);
    p.x = context.input<uint16_t>(0) + batch * x_.batch_stride + channel * x_.plane_stride;
    p.x_stride = x_.plane_stride;
    p.height = x_.height;
    p.width = x_.width;
    p.pad_top = pad_top_;
    p.pad_left = 1;
    p.weight = weight_.data() + channel * 9;
    p.bias = bias_.data() + channel;
    p.lo = activation_.lo();
    p.hi = activation_.hi();
    p.y = context.output<uint16_t>(0) + batch * y_.batch_stride + channel * y_.plane_stride +
          first * y_.width;
    p.y_stride = y_.plane_stride;
    p.first_row = first;
    p.out_rows = std::min<int64_t>(rows, y_.height - first);
    p.out_width = y_.width;
    p.out_height = y_.height;
    kernel_(p);
    if (activation_.runs()) {
      for (int64_t n = 0; n < p.planes; n++) {
        activation_.finish(p.y + n * p.y_stride, p.out_rows * y_.width);
      }
    }
    return p.planes;
  }

  Planes x_, y_;
  int64_t pad_top_;
  int stride_;
  HalfActivation activation_;
  DepthwiseF16Fn kernel_;
  std::vector<uint16_t> weight_, bias_;
};

}  // namespace

DepthwiseF16Fn depthwise_f16_kernel(const Planes& x, const Planes& y, const Window& w,
                                    Features have) {
  const bool three = w.kernel_h == 3 && w.kernel_w == 3 && w.stride_h == w.stride_w &&
                     w.dilation_h == 1 && w.dilation_w == 1 && w.pad_left == 1;
  if (!three) return nullptr;
  // Vectors of up to eight outputs: so many lanes behind the last row are written, too.
  if (y.width < 8 && y.plane_stride - y.positions() < 8) return nullptr;
  return select_depthwise_f16(w.stride_h, x.width, y.width, x.plane_stride - x.positions(), have);
}

Status make_depthwise_f16(const DepthwiseDesc& desc, Features have, OperatorPtr* op) {
  *op = std::make_unique<DepthwiseF16>(desc, have);
  return {};
}

}  // namespace secateur
