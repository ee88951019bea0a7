// Depthwise convolution: planes shared among threads, in bands of rows that keep the padded input
// rows in the first-level cache.
#include "ops/depthwise/depthwise.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "format/verify.h"
#include "kernels/depthwise/depthwise.h"
#include "ops/common/fused_activation.h"
#include "ops/common/rows.h"
#include "ops/common/thread_scratch.h"
#include "ops/depthwise/depthwise_f16.h"
#include "ops/depthwise/depthwise_i8.h"
#include "ops/room.h"
#include "pack/decode.h"

namespace secateur {
namespace {

// Bytes of padded input rows per band: half of a 32 KB first-level cache, the least of the cores in
// view, beside the output rows and the next input rows.
constexpr int64_t kBandBytes = 16 * 1024;
// Bytes of output that are claimed at once (see claim).
constexpr int64_t kClaimBytes = 4096;
// Output rows of one pass of the specialised kernels; bands are multiples of it.
constexpr int64_t kBlockRows = 4;

class Depthwise final : public Operator {
 public:
  Depthwise(const DepthwiseDesc& desc, Isa isa)
      : x_(desc.x), y_(desc.y), window_(desc.window), activation_(desc.activation, isa) {
    const Window& w = window_;
    taps_ = int64_t{w.kernel_h} * w.kernel_w;
    weight_.assign(desc.weight, desc.weight + taps_ * desc.x.channels);
    if (desc.bias != nullptr) bias_.assign(desc.bias, desc.bias + desc.x.channels);
    kernel_ = select_depthwise(w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h,
                               w.dilation_w, w.pad_left, x_.width, y_.width, isa);
    const int64_t columns =
        int64_t{y_.width - 1} * w.stride_w + int64_t{w.kernel_w - 1} * w.dilation_w + 1;
    padded_width_ = std::max<int64_t>(columns, w.pad_left + int64_t{x_.width});
    phase_pitch_ = depthwise_phase_pitch(padded_width_, w.stride_w, kernel_.vector_floats);
    row_pitch_ = phase_pitch_ * w.stride_w;
    // The plane's first column lands on a cache line, so that the copies store whole lines; but a
    // row that fits in one line starts there, so that no load crosses into the next.
    const int64_t left = w.pad_left / w.stride_w;
    const bool one_line = padded_width_ <= w.stride_w * kLineFloats;
    shift_ = one_line ? 0 : round_up(left, kLineFloats) - left;
    const int64_t fitting =
        (kBandBytes / static_cast<int64_t>(row_pitch_ * sizeof(float)) - reach()) / w.stride_h + 1;
    band_rows_ = std::max(kBlockRows, fitting / kBlockRows * kBlockRows);
    band_rows_ = std::min<int64_t>(band_rows_, y_.height);
    if (kernel_.direct) band_rows_ = y_.height;  // no buffer to keep in cache
    for (int r = 0; r < w.kernel_h; ++r) {
      for (int s = 0; s < w.kernel_w; ++s) {
        const int64_t p = int64_t{s} * w.dilation_w;
        tap_offset_.push_back(r * int64_t{w.dilation_h} * row_pitch_ +
                              p % w.stride_w * phase_pitch_ + p / w.stride_w);
      }
    }
  }

  void run(const RunContext& context) const noexcept override {
    const int64_t planes = int64_t{x_.batch} * x_.channels;
    // Fewer planes than threads: shorter bands, so that every thread gets some.
    int64_t rows = band_rows_;
    const int64_t wanted = (2 * context.pool->threads() + planes - 1) / planes;
    if (wanted > 1 && context.pool->threads() > 1) {
      const int64_t even = round_up((y_.height + wanted - 1) / wanted, kBlockRows);
      rows = std::min(rows, even);
    }
    const int64_t bands = (y_.height + rows - 1) / rows;
    for_ranges(context.pool, planes * bands, rows * y_.width * taps_,
               [&](int64_t begin, int64_t end, int thread) {
                 if (kernel_.direct) return direct(context, begin, end, rows, bands);
                 auto* buffer = thread_scratch(context.scratch, buffer_bytes(), thread);
                 std::memset(buffer, 0, buffer_bytes());
                 for (int64_t i = begin; i < end; ++i) {
                   fill(context, i, rows, bands, buffer + shift_);
                   convolve(context, i, rows, bands, buffer + shift_);
                 }
               });
  }

  size_t scratch_bytes(int threads) const override {
    return kernel_.direct ? 0 : thread_scratch_bytes(buffer_bytes(), threads);
  }
  std::string kernel() const override { return std::string("depthwise/") + kernel_.name; }
  size_t packed_bytes() const override { return (weight_.size() + bias_.size()) * sizeof(float); }
  int64_t macs() const override { return y_.batch * y_.positions() * y_.channels * taps_; }

 private:
  // Input rows that one output row needs.
  int64_t reach() const { return int64_t{window_.kernel_h - 1} * window_.dilation_h + 1; }
  int64_t input_rows(int64_t output_rows) const {
    return (output_rows - 1) * window_.stride_h + reach();
  }
  size_t buffer_bytes() const {
    return static_cast<size_t>(input_rows(band_rows_) * row_pitch_ + kLineFloats) * sizeof(float);
  }

  // Item i: band i % bands, of `rows` output rows, of plane i / bands.
  void fill(const RunContext& context, int64_t i, int64_t rows, int64_t bands,
            float* buffer) const noexcept {
    const int64_t plane = i / bands, first = i % bands * rows;
    const int64_t batch = plane / x_.channels, channel = plane % x_.channels;
    DepthwiseFill f;
    f.x = context.input(0) + batch * x_.batch_stride + channel * x_.plane_stride;
    f.height = x_.height;
    f.width = x_.width;
    f.first_row = first * window_.stride_h - window_.pad_top;
    f.rows = input_rows(std::min<int64_t>(rows, y_.height - first));
    f.pad_left = window_.pad_left;
    f.stride_w = window_.stride_w;
    f.phase_pitch = phase_pitch_;
    f.row_pitch = row_pitch_;
    f.buffer = buffer;
    f.clear_rows = bands > 1;  // with one band the rows outside the plane are always the same
    kernel_.fill(f);
  }

  // A store per cache line of what several threads are about to write, much of which another core
  // has: these misses overlap, which those of the kernels' own stores across lines do not (Zen 4,
  // 1024 planes of 7x7 on two threads: 26 us instead of 51; prefetchw does nothing).
  void claim(const DepthwisePlanes& p) const noexcept {
    for (int64_t n = 0; n < p.planes; n++) {
      for (int64_t i = 0; i < p.out_rows * p.out_width; i += kLineFloats) {
        p.y[n * p.y_stride + i] = 0;
      }
    }
  }

  // Items [begin, end): whole planes by as many as a batch holds, or single bands.
  void direct(const RunContext& context, int64_t begin, int64_t end, int64_t rows,
              int64_t bands) const noexcept {
    const int64_t claimed = context.pool->threads() > 1 ? kClaimBytes / (y_.plane_stride * 4) : 0;
    const int64_t most = bands > 1 ? 1 : claimed > 0 ? claimed : end - begin;
    for (int64_t i = begin; i < end;) {
      const int64_t plane = i / bands, first = i % bands * rows;
      const int64_t batch = plane / x_.channels, channel = plane % x_.channels;
      DepthwisePlanes p;
      p.planes = std::min({most, end - i, x_.channels - channel});
      p.x = context.input(0) + batch * x_.batch_stride + channel * x_.plane_stride;
      p.x_stride = x_.plane_stride;
      p.height = x_.height;
      p.width = x_.width;
      p.pad_top = window_.pad_top;
      p.pad_left = window_.pad_left;
      p.weight = weight_.data() + channel * taps_;
      p.bias = bias_.empty() ? nullptr : bias_.data() + channel;
      p.lo = activation_.lo();
      p.hi = activation_.hi();
      p.y = context.output(0) + batch * y_.batch_stride + channel * y_.plane_stride +
            first * y_.width;
      p.y_stride = y_.plane_stride;
      p.first_row = first;
      p.out_rows = std::min<int64_t>(rows, y_.height - first);
      p.out_width = y_.width;
      p.out_height = y_.height;
      if (claimed > 0) claim(p);
      kernel_.direct(p);
      for (int64_t n = 0; n < p.planes; n++) {
        activation_.finish(p.y + n * p.y_stride, p.out_rows * y_.width);
      }
      i += p.planes;
    }
  }

  void convolve(const RunContext& context, int64_t i, int64_t rows, int64_t bands,
                const float* buffer) const noexcept {
    const int64_t plane = i / bands, first = i % bands * rows;
    const int64_t batch = plane / x_.channels, channel = plane % x_.channels;
    DepthwiseBand b;
    b.buffer = buffer;
    b.phase_pitch = phase_pitch_;
    b.row_pitch = row_pitch_;
    b.weight = weight_.data() + channel * taps_;
    b.bias = bias_.empty() ? 0.f : bias_[channel];
    b.lo = activation_.lo();
    b.hi = activation_.hi();
    b.y =
        context.output(0) + batch * y_.batch_stride + channel * y_.plane_stride + first * y_.width;
    b.out_rows = std::min<int64_t>(rows, y_.height - first);
    b.out_width = y_.width;
    b.stride_h = window_.stride_h;
    b.taps = taps_;
    b.tap_offset = tap_offset_.data();
    kernel_.band(b);
    activation_.finish(b.y, b.out_rows * y_.width);
  }

  Planes x_, y_;
  Window window_;
  FusedActivation activation_;
  std::vector<float> weight_, bias_;
  DepthwiseKernel kernel_;
  std::vector<int64_t> tap_offset_;
  int64_t taps_, padded_width_, phase_pitch_, row_pitch_, shift_, band_rows_;
};

}  // namespace

Status make_depthwise(const DepthwiseDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Depthwise>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Depthwise& o) {
  SCT_RETURN_IF_ERROR(p.expect(1, 1, {kAllF32, kAllI8}));
  const format::Tensor &x = p.x(), &y = p.y();
  SCT_RETURN_IF_ERROR(verify_window(format::window_of(o), x, y));
  if (x.channels != y.channels) return invalid("its channels change");
  const int64_t kernel = int64_t{o.kernel_h} * o.kernel_w;
  if (kernel > format::kMaxFloats / x.channels) return invalid("its kernel is too large");
  const auto taps = static_cast<uint64_t>(x.channels * kernel);
  SCT_RETURN_IF_ERROR(format::verify_stored(p.model, o.weight, o.weight_bits, taps, o.scales,
                                            x.channels, "weight"));
  if (x.channels * kernel > kMaxMacs / (positions(y) * y.batch)) return invalid("too large");
  if (p.quantised()) {
    if (o.weight_bits != 8) return invalid("of i8 it takes a weight of i8");
    SCT_RETURN_IF_ERROR(p.expect_bounds());
    SCT_RETURN_IF_ERROR(verify_sums(p.model, o.bias, x.channels, kernel));
    SCT_RETURN_IF_ERROR(p.expect_factors(o.scales));
  }
  return optional_floats(p.model, o.bias, x.channels, "bias");
}

static Status build_i8(const OpSource& s, const format::Depthwise& o, OperatorPtr* out) {
  DepthwiseI8Desc d;
  d.x = s.x();
  d.y = s.y();
  d.window = op_window(o);
  d.activation = s.activation();
  d.x_scale = scale_of(s.tensor_x());
  d.y_scale = scale_of(s.tensor_y());
  d.weight = s.array<int8_t>(o.weight);
  d.scales = s.floats(o.scales);
  d.bias = s.array<int32_t>(o.bias);
  return make_depthwise_i8(d, s.isa, out);
}

bool builds_f16(const OpSource& s, const format::Depthwise& o) {
  return depthwise_f16_kernel(s.x(), s.y(), op_window(o), s.machine.have) != nullptr;
}

Status build(const OpSource& s, const format::Depthwise& o, OperatorPtr* out) {
  if (s.quantised()) return build_i8(s, o, out);
  DepthwiseDesc d;
  d.x = s.x();
  d.y = s.y();
  d.window = op_window(o);
  d.activation = s.activation();
  format::Weight stored;
  stored.values = o.weight;
  stored.values_bits = o.weight_bits;
  stored.scales = o.scales;
  stored.rows = d.x.channels;
  stored.cols = o.kernel_h * o.kernel_w;
  const WeightView weight = s.weight(stored, 1);
  std::vector<float> decoded;
  if (!weight.values) decoded = decode_matrix(weight);
  d.weight = weight.values ? weight.values : decoded.data();
  d.bias = s.floats(o.bias);
  if (s.half()) return make_depthwise_f16(d, s.machine.have, out);
  return make_depthwise(d, s.isa, out);
}

}  // namespace secateur
