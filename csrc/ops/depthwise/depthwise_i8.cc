// Depthwise convolution of i8: quads of channels shared among threads, in bands of rows whose
// groups (kernels/depthwise_i8) stay in the first-level cache.
#include "ops/depthwise/depthwise_i8.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "kernels/depthwise_i8/depthwise_i8.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"

namespace secateur {
namespace {

// Bytes of groups of a band.
constexpr int64_t kBandBytes = 24 * 1024;
constexpr int64_t kGroupBytes = 16;
// Rows that a thread takes at a time where planes are read in place.
constexpr int64_t kDirectRows = 32;

class DepthwiseI8 final : public Operator {
 public:
  DepthwiseI8(const DepthwiseI8Desc& desc, Isa isa)
      : x_(quads(desc.x)),
        y_(quads(desc.y)),
        window_(desc.window),
        range_(code_range(desc.activation, desc.y_scale)),
        zero_(desc.y_scale.zero),
        zero_of_x_(desc.x_scale.zero),
        kernel_(select_depthwise_i8(isa)),
        channels_(desc.x.channels) {
    const Window& w = window_;
    groups_ = (w.kernel_w + 3) / 4;
    direct_ = kernel_.plane3x3 && w.kernel_h == 3 && w.kernel_w == 3 && w.dilation_h == 1 &&
              w.dilation_w == 1 && w.stride_h == w.stride_w && w.stride_h <= 2;
    pack(desc);
    if (direct_) {
      band_rows_ = kDirectRows;
      return;
    }
    const int64_t row = groups_ * y_.width * kGroupBytes;
    const int64_t fitting = (kBandBytes / row - reach()) / w.stride_h + 1;
    band_rows_ = std::clamp<int64_t>(fitting, 1, y_.height);
    phase_pitch_ =
        ((input_rows(band_rows_) + w.stride_h - 1) / w.stride_h) * y_.width + kDepthwiseI8Outputs;
    line_columns_ = int64_t{y_.width - 1} * w.stride_w + (4 * groups_ - 1) * w.dilation_w + 1;
    fill_ = static_cast<uint8_t>(desc.x_scale.zero + (kernel_.offset ? 128 : 0));
    for (int r = 0; r < w.kernel_h; ++r) {
      for (int64_t g = 0; g < groups_; ++g) offset_.push_back(place(int64_t{r} * w.dilation_h, g));
    }
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t bands = (y_.height + band_rows_ - 1) / band_rows_;
    const int64_t items = int64_t{x_.batch} * x_.channels * bands;
    if (direct_) {
      for_ranges(context.pool, items, band_rows_ * y_.width * taps() * 4,
                 [&](int64_t begin, int64_t end, int) {
                   for (int64_t i = begin; i < end; ++i) {
                     run_direct(context, i / bands, i % bands * band_rows_);
                   }
                 });
      return;
    }
    for_ranges(context.pool, items, band_rows_ * y_.width * taps() * 4,
               [&](int64_t begin, int64_t end, int thread) {
                 auto* scratch = reinterpret_cast<int8_t*>(
                     thread_scratch(context.scratch, piece_bytes(), thread));
                 for (int64_t i = begin; i < end; ++i) {
                   run_band(context, i / bands, i % bands * band_rows_, scratch);
                 }
               });
  }

  size_t scratch_bytes(int threads) const override {
    return direct_ ? 0 : thread_scratch_bytes(piece_bytes(), threads);
  }
  std::string kernel() const override {
    return text("depthwise_i8/", kernel_.name, " ", window_.kernel_h, "x", window_.kernel_w, "s",
                window_.stride_h, direct_ ? " direct" : "");
  }
  size_t packed_bytes() const override {
    return weight_.size() + bias_.size() * sizeof(int32_t) + scale_.size() * sizeof(float);
  }
  int64_t macs() const override {
    return y_.batch * y_.positions() * channels_ * window_.kernel_h * window_.kernel_w;
  }

 private:
  int64_t taps() const { return window_.kernel_h * groups_; }
  // Input rows that one output row needs, and several.
  int64_t reach() const { return int64_t{window_.kernel_h - 1} * window_.dilation_h + 1; }
  int64_t input_rows(int64_t output_rows) const {
    return (output_rows - 1) * window_.stride_h + reach();
  }
  // Where the band's input row `row` has its groups `g`, in bytes: rows that an output row's window
  // moves over lie behind each other.
  int64_t place(int64_t row, int64_t g) const {
    const int64_t stride = window_.stride_h;
    return ((g * stride + row % stride) * phase_pitch_ + row / stride * y_.width) * kGroupBytes;
  }
  size_t groups_bytes() const {
    return static_cast<size_t>(groups_ * window_.stride_h * phase_pitch_ * kGroupBytes);
  }
  // Behind the groups the line, with what a vector reads beyond it.
  size_t piece_bytes() const {
    const int64_t line = (line_columns_ + int64_t{4} * window_.stride_w + 32) * 4;
    return groups_bytes() + static_cast<size_t>(round_up(line, 64));
  }

  void pack(const DepthwiseI8Desc& desc) {
    const Window& w = window_;
    const int64_t window_taps = int64_t{w.kernel_h} * w.kernel_w;
    const auto padded = static_cast<size_t>(x_.channels) * 4;
    weight_.assign(padded * static_cast<size_t>(taps()) * 4, 0);
    bias_.assign(padded, 0);
    scale_.assign(padded, 0.f);
    // The bytes that the kernel multiplies are this much more than what is meant.
    const auto excess = static_cast<uint32_t>(desc.x_scale.zero + (kernel_.offset ? 128 : 0));
    for (int64_t c = 0; c < channels_; ++c) {
      uint32_t sum = 0;
      for (int64_t t = 0; t < window_taps; ++t) {
        const int8_t value = desc.weight[c * window_taps + t];
        const int64_t column = t % w.kernel_w, tap = t / w.kernel_w * groups_ + column / 4;
        weight_[((c / 4 * taps() + tap) * 4 + c % 4) * 4 + column % 4] = value;
        sum += static_cast<uint32_t>(int32_t{value});
      }
      const auto bias = static_cast<uint32_t>(desc.bias ? desc.bias[c] : 0);
      bias_[c] = static_cast<int32_t>(bias - excess * sum);
      scale_[c] = static_cast<float>(double{desc.x_scale.scale} * desc.scales[c] /
                                     double{desc.y_scale.scale});
    }
  }

  void run_band(const RunContext& context, int64_t plane, int64_t first,
                int8_t* groups) const noexcept {
    const int64_t batch = plane / x_.channels, quad = plane % x_.channels;
    const int8_t* x =
        context.input<int8_t>(0) + 4 * (batch * x_.batch_stride + quad * x_.plane_stride);
    const int64_t rows = std::min(band_rows_, y_.height - first);
    for (int64_t row = 0; row < input_rows(rows); ++row) {
      lay_out(x, first * window_.stride_h - window_.pad_top + row, row, groups);
    }
    DepthwiseI8Band b = band_of(context, batch, quad, first);
    b.groups = groups;
    b.offset = offset_.data();
    b.outputs = rows * y_.width;
    kernel_.band(b);
  }

  void run_direct(const RunContext& context, int64_t plane, int64_t first) const noexcept {
    const int64_t batch = plane / x_.channels, quad = plane % x_.channels;
    DepthwiseI8Plane p;
    p.x = context.input<int8_t>(0) + 4 * (batch * x_.batch_stride + quad * x_.plane_stride);
    p.width = x_.width;
    p.height = x_.height;
    p.out_width = y_.width;
    p.first = first;
    p.rows = std::min(band_rows_, y_.height - first);
    p.pad_top = window_.pad_top;
    p.pad_left = window_.pad_left;
    p.stride = window_.stride_h;
    p.fill = static_cast<int8_t>(zero_of_x_);
    p.band = band_of(context, batch, quad, first);
    kernel_.plane3x3(p);
  }

  // What a quad's filter is, and where its row `first` of y lies.
  DepthwiseI8Band band_of(const RunContext& context, int64_t batch, int64_t quad,
                          int64_t first) const noexcept {
    DepthwiseI8Band b{};
    b.taps = taps();
    b.weight = weight_.data() + quad * taps() * kGroupBytes;
    b.bias = bias_.data() + 4 * quad;
    b.scale = scale_.data() + 4 * quad;
    b.zero = zero_;
    b.lo = range_.lo;
    b.hi = range_.hi;
    b.y = context.output<int8_t>(0) +
          4 * (batch * y_.batch_stride + quad * y_.plane_stride + first * y_.width);
    return b;
  }

  // Row `from` of the plane as the band's input row `row`.
  void lay_out(const int8_t* x, int64_t from, int64_t row, int8_t* groups) const noexcept {
    const auto width = static_cast<size_t>(y_.width * kGroupBytes);
    if (from < 0 || from >= x_.height) {
      for (int64_t g = 0; g < groups_; ++g) std::memset(groups + place(row, g), fill_, width);
      return;
    }
    int8_t* line = groups + groups_bytes();
    const int64_t left = std::min<int64_t>(window_.pad_left, line_columns_);
    const int64_t inside = std::min<int64_t>(x_.width, line_columns_ - left);
    const int64_t right = line_columns_ - left - inside;
    std::memset(line, fill_, static_cast<size_t>(4 * left));
    if (kernel_.offset) {
      kernel_.offset(x + 4 * from * x_.width, 4 * inside, line + 4 * left);
    } else {
      std::memcpy(line + 4 * left, x + 4 * from * x_.width, static_cast<size_t>(4 * inside));
    }
    std::memset(line + 4 * (left + inside), fill_, static_cast<size_t>(4 * right));
    DepthwiseI8Row r;
    r.stride = window_.stride_w;
    r.dilation = window_.dilation_w;
    r.outputs = y_.width;
    for (int64_t g = 0; g < groups_; ++g) {
      r.line = line + 16 * g * window_.dilation_w;
      r.groups = groups + place(row, g);
      kernel_.group(r);
    }
  }

  Planes x_, y_;  // of quads
  Window window_;
  CodeRange range_;
  int32_t zero_, zero_of_x_;
  bool direct_ = false;
  const DepthwiseI8Kernel& kernel_;
  int64_t channels_, groups_ = 0, band_rows_ = 0, phase_pitch_ = 0, line_columns_ = 0;
  uint8_t fill_ = 0;
  std::vector<int8_t> weight_;  // [quads][taps][4 channels][4]
  std::vector<int32_t> bias_;   // [quads][4]
  std::vector<float> scale_;
  std::vector<int64_t> offset_;  // [taps]
};

}  // namespace

Status make_depthwise_i8(const DepthwiseI8Desc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<DepthwiseI8>(desc, isa);
  return {};
}

}  // namespace secateur
