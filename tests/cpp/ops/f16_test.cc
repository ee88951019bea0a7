// Convolutions and depthwise layers that compute in f16, against the definitions in double
// (ops/conv/reference.h, ops/depthwise/reference.h) within the bound of docs/numerics.md, on any
// number of threads the same bits. Lanes that are nobody's hold NaN. Where this CPU has no f16
// arithmetic there is nothing to run: tests/python/compiler/test_half.py has what runs there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "base/half.h"
#include "conv_harness.h"
#include "kernels/spmm_f16/spmm_f16.h"
#include "ops/depthwise/depthwise_f16.h"
#include "ops/depthwise/reference.h"

namespace secateur {
namespace {

using conv_testing::activate;
using conv_testing::square;

constexpr uint16_t kHalfNaN = 0x7e00;
constexpr int64_t kLine = 32;  // elements

// Numbers that are f16, as they lie and as the definitions take them.
struct Halves {
  static constexpr int64_t kGuard = 64;
  explicit Halves(const Planes& p)
      : planes(p),
        floats(static_cast<size_t>(p.elements()), std::nanf("")),
        bits(static_cast<size_t>(p.elements() + 2 * kGuard), kHalfNaN) {}
  Halves(const Planes& p, std::mt19937* rng) : Halves(p) {
    std::uniform_real_distribution<float> value(-1.0f, 1.0f);
    each([&](size_t i) {
      bits[i + kGuard] = float_to_half(value(*rng));
      floats[i] = half_to_float(bits[i + kGuard]);
    });
  }
  template <typename Body>
  void each(const Body& body) const {
    for (int n = 0; n < planes.batch; n++) {
      for (int c = 0; c < planes.channels; c++) {
        for (int64_t p = 0; p < planes.positions(); p++) {
          body(static_cast<size_t>(n * planes.batch_stride + c * planes.plane_stride + p));
        }
      }
    }
  }
  uint16_t* data() { return bits.data() + kGuard; }
  const Planes planes;
  std::vector<float> floats;
  std::vector<uint16_t> bits;
};

std::vector<float> rounded(std::vector<float> values) {
  for (float& value : values) value = half_to_float(float_to_half(value));
  return values;
}

void run(const Operator& op, const std::vector<const void*>& inputs, Halves* y, int threads) {
  ThreadPool pool(threads);
  const size_t bytes = op.scratch_bytes(pool.threads()) / 64 * 64 + 64;
  auto* scratch = static_cast<std::byte*>(std::aligned_alloc(64, bytes));
  std::memset(scratch, 0xff, bytes);  // NaN
  void* outputs[] = {y->data()};
  op.run(RunContext{inputs.data(), outputs, scratch, &pool});
  std::free(scratch);
}

// K roundings of what is summed so far, and a rounding of bias, residual and activation each.
double bound_of(double terms, double magnitude) {
  return (terms + 3) * (std::ldexp(magnitude, -11) + std::ldexp(1.0, -25));
}

void check_conv(const conv_testing::Case& c) {
  SCOPED_TRACE(c.text());
  std::mt19937 rng(static_cast<unsigned>(c.in * 131 + c.out * 17 + c.height + c.width));
  const Window& w = c.window;
  const int out_h =
      (c.height + w.pad_top + w.pad_bottom - (w.kernel_h - 1) * w.dilation_h - 1) / w.stride_h + 1;
  const int out_w =
      (c.width + w.pad_left + w.pad_right - (w.kernel_w - 1) * w.dilation_w - 1) / w.stride_w + 1;
  Halves x(make_planes(c.batch, c.in, c.height, c.width, kLine), &rng);
  const Planes y_planes = make_planes(c.batch, c.out, out_h, out_w, kLine);
  Halves residual(y_planes, &rng);
  const int64_t cols = int64_t{c.in} / c.groups * w.kernel_h * w.kernel_w;
  const std::vector<float> dense =
      rounded(testing::random_blocks(c.out, cols, c.format.a, c.format.b, c.sparsity, &rng));
  const testing::Encoded encoded = conv_testing::encode(c.format, dense, c.out, cols);
  std::vector<float> bias(static_cast<size_t>(c.out));
  for (int i = 0; i < c.out; i++) bias[static_cast<size_t>(i)] = 0.125f * (i % 7 - 3);
  ConvDesc desc;
  desc.x = x.planes;
  desc.y = y_planes;
  desc.window = w;
  desc.groups = c.groups;
  desc.residual = c.residual;
  desc.activation = c.activation;
  desc.weight = encoded.view;
  desc.bias = bias.data();
  desc.f16 = true;
  desc.threads = c.threads;
  OperatorPtr op;
  const Status status = make_conv(desc, machine_of(best_isa()), &op);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NE(op->kernel().find("spmm_f16/neonfp16"), std::string::npos) << op->kernel();
  Halves y(y_planes), again(y_planes);
  const std::vector<const void*> inputs = {x.data(), residual.data()};
  run(*op, inputs, &y, c.threads);
  run(*op, inputs, &again, c.threads == 1 ? 2 : 1);
  y.each(
      [&](size_t i) { ASSERT_EQ(y.data()[i], again.data()[i]) << "on other threads, at " << i; });

  const reference::ConvShape shape{c.groups,     w.kernel_h,   w.kernel_w, w.stride_h, w.stride_w,
                                   w.dilation_h, w.dilation_w, w.pad_top,  w.pad_left};
  int bad = 0;
  for (int n = 0; n < c.batch; n++) {
    for (int o = 0; o < c.out; o++) {
      for (int p = 0; p < out_h * out_w; p++) {
        const reference::ConvSum want = reference::conv_at(
            shape, x.planes, x.floats.data(), y_planes, dense.data(), bias.data(),
            c.residual ? residual.floats.data() : nullptr, n, o, p / out_w, p % out_w);
        double bound = bound_of(static_cast<double>(want.terms), want.magnitude);
        const double value = activate(c.activation, want.value);
        if (c.activation.kind == ActivationKind::hard_swish) {  // its slope is at most 3/2
          bound = 1.5 * bound + std::ldexp(std::fabs(value), -11) + std::ldexp(1.0, -25);
        }
        const int64_t at = n * y_planes.batch_stride + o * y_planes.plane_stride + p;
        const double got = half_to_float(y.data()[at]);
        if (!(std::fabs(got - value) <= bound) && bad++ < 3) {
          ADD_FAILURE() << op->kernel() << " at [" << n << "][" << o << "][" << p << "]: " << got
                        << ", expected " << value << " +- " << bound;
        }
      }
    }
  }
  for (int64_t i = 0; i < Halves::kGuard; i++) {
    ASSERT_EQ(y.bits[static_cast<size_t>(i)], kHalfNaN) << "before the planes";
    ASSERT_EQ(y.bits[y.bits.size() - 1 - static_cast<size_t>(i)], kHalfNaN) << "behind them";
  }
}

TEST(ConvF16, Pointwise) {
  if (!spmm_f16_runs(cpu_features())) GTEST_SKIP() << "no f16 arithmetic here";
  for (const conv_testing::Format& format :
       {conv_testing::kCsr, conv_testing::kDense, conv_testing::kBsr41, conv_testing::kBsr81}) {
    for (const int size : {2, 3, 5, 7, 8, 14, 19, 28}) {
      conv_testing::Case c;
      c.in = 37;
      c.out = 26;
      c.height = c.width = size;
      c.window = square(1, 1, 0);
      c.format = format;
      c.sparsity = 0.7;
      c.batch = size == 7 ? 2 : 1;
      c.residual = size % 2 == 1;
      c.threads = size % 3 + 1;
      check_conv(c);
    }
  }
}

TEST(ConvF16, ManyColumnsInSeveralBlocks) {
  if (!spmm_f16_runs(cpu_features())) GTEST_SKIP() << "no f16 arithmetic here";
  conv_testing::Case c;
  c.in = 1500;
  c.out = 9;
  c.height = c.width = 16;
  c.window = square(1, 1, 0);
  c.sparsity = 0.9;
  c.activation = {ActivationKind::clamp, 0, 6};
  check_conv(c);
}

TEST(ConvF16, Windows) {
  if (!spmm_f16_runs(cpu_features())) GTEST_SKIP() << "no f16 arithmetic here";
  const Window windows[] = {square(3, 1, 1),
                            square(3, 2, 1),
                            square(5, 1, 2),
                            square(7, 2, 3),
                            square(1, 2, 0),
                            square(3, 1, 2, 2),
                            square(3, 1, 0),
                            square(2, 3, 1),
                            {1, 3, 1, 2, 1, 1, 0, 1, 0, 1},
                            {3, 1, 2, 1, 1, 1, 1, 0, 1, 0}};
  for (const Window& window : windows) {
    for (const int width : {7, 14, 17, 33}) {
      conv_testing::Case c;
      c.in = 6;
      c.out = 10;
      c.height = width + 1;
      c.width = width;
      c.window = window;
      c.groups = width == 14 ? 2 : 1;
      c.format = width == 17 ? conv_testing::kDense : conv_testing::kCsr;
      c.activation.kind = width == 33 ? ActivationKind::hard_swish : ActivationKind::relu;
      c.threads = width % 2 + 1;
      check_conv(c);
    }
  }
}

void check_depthwise(int channels, int height, int width, int stride, int threads) {
  SCOPED_TRACE(std::to_string(channels) + " @" + std::to_string(height) + "x" +
               std::to_string(width) + " s" + std::to_string(stride) + " threads " +
               std::to_string(threads));
  std::mt19937 rng(static_cast<unsigned>(width * 31 + height));
  const int out_h = (height - 1) / stride + 1, out_w = (width - 1) / stride + 1;
  Halves x(make_planes(2, channels, height, width, kLine), &rng);
  const Planes y_planes = make_planes(2, channels, out_h, out_w, kLine);
  std::uniform_real_distribution<float> value(-1.0f, 1.0f);
  std::vector<float> weight(static_cast<size_t>(channels) * 9), bias;
  for (float& v : weight) v = value(rng);
  weight = rounded(weight);
  for (int i = 0; i < channels; i++) bias.push_back(0.25f * static_cast<float>(i % 5));
  DepthwiseDesc desc;
  desc.x = x.planes;
  desc.y = y_planes;
  desc.window = square(3, stride, 1);
  desc.window.pad_bottom = desc.window.pad_right = 1;
  desc.activation = {ActivationKind::clamp, -0.5f, 2.0f};
  desc.weight = weight.data();
  desc.bias = bias.data();
  if (!depthwise_f16_kernel(desc.x, desc.y, desc.window, cpu_features())) {
    // Odd widths at stride 2 and those between one step and two; planes that leave no room for a
    // vector behind them.
    ASSERT_TRUE(width % stride != 0 || (stride == 2 && out_w < 12) || out_w < 8);
    return;
  }
  OperatorPtr op;
  ASSERT_TRUE(make_depthwise_f16(desc, cpu_features(), &op).ok());
  Halves y(y_planes), again(y_planes);
  run(*op, {x.data()}, &y, threads);
  run(*op, {x.data()}, &again, 1);
  y.each(
      [&](size_t i) { ASSERT_EQ(y.data()[i], again.data()[i]) << "on other threads, at " << i; });
  const reference::DepthwiseShape shape{3, 3, stride, stride, 1, 1, 1, 1};
  int bad = 0;
  for (int n = 0; n < 2; n++) {
    for (int c = 0; c < channels; c++) {
      for (int i = 0; i < out_h; i++) {
        for (int j = 0; j < out_w; j++) {
          const reference::DepthwiseSum want = reference::depthwise_at(
              shape, x.planes, x.floats.data(), weight.data(), bias.data(), n, c, i, j);
          const double value_there = std::min(std::max(want.value, -0.5), 2.0);
          const int64_t at =
              n * y_planes.batch_stride + c * y_planes.plane_stride + int64_t{i} * out_w + j;
          const double got = half_to_float(y.data()[at]);
          if (!(std::fabs(got - value_there) <= bound_of(9, want.magnitude)) && bad++ < 3) {
            ADD_FAILURE() << op->kernel() << " at [" << n << "][" << c << "][" << i << "][" << j
                          << "]: " << got << ", expected " << value_there;
          }
        }
      }
    }
  }
}

TEST(DepthwiseF16, EverySize) {
  if (!spmm_f16_runs(cpu_features())) GTEST_SKIP() << "no f16 arithmetic here";
  for (const int stride : {1, 2}) {
    for (const int width :
         {1, 2, 3, 6, 7, 8, 9, 12, 14, 15, 16, 17, 18, 24, 26, 28, 30, 33, 40, 56, 70}) {
      for (const int height : {3, 7, 10, 14, 29}) {
        check_depthwise(3, height, width, stride, 1);
        check_depthwise(1, height, width, stride, 3);
      }
    }
  }
}

}  // namespace
}  // namespace secateur
