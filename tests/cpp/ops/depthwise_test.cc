// Depthwise convolution against its definition: every specialised kernel and the generic one, sizes
// around the vector widths, borders, strides, dilations, asymmetric padding.
#include "ops/depthwise/depthwise.h"

#include <algorithm>

#include "kernels/elementwise/activation.h"
#include "op_harness.h"
#include "ops/common/reference_activation.h"
#include "ops/depthwise/reference.h"

namespace secateur {
namespace {

struct Case {
  Window w;
  int height, width;
};

int out_size(int in, int kernel, int stride, int dilation, int before, int after) {
  return (in + before + after - ((kernel - 1) * dilation + 1)) / stride + 1;
}

void check(const Case& c, Isa isa, int threads, int batch, int channels, Activation act = {},
           bool bias = true, const std::function<void(Tensor*)>& edit = {}) {
  const Window& w = c.w;
  const int oh = out_size(c.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom);
  const int ow = out_size(c.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right);
  if (oh < 1 || ow < 1) return;
  Random random(c.height * 131 + c.width);
  Tensor x(make_planes(batch, channels, c.height, c.width), &random);
  if (edit) edit(&x);
  Tensor y(make_planes(batch, channels, oh, ow));
  const std::vector<float> weight = random.vector(int64_t{channels} * w.kernel_h * w.kernel_w);
  const std::vector<float> b = random.vector(channels);
  DepthwiseDesc desc;
  desc.x = x.planes;
  desc.y = y.planes;
  desc.window = w;
  desc.activation = act;
  desc.weight = weight.data();
  desc.bias = bias ? b.data() : nullptr;
  OperatorPtr op;
  ASSERT_TRUE(make_depthwise(desc, isa, &op).ok());
  run_op(*op, {&x}, y, threads);
  const reference::DepthwiseShape shape{w.kernel_h,   w.kernel_w,   w.stride_h, w.stride_w,
                                        w.dilation_h, w.dilation_w, w.pad_top,  w.pad_left};
  const int terms = w.kernel_h * w.kernel_w + 1;
  expect_planes(
      y,
      [&](int n, int ch, int64_t p) {
        const auto sum =
            reference::depthwise_at(shape, x.planes, x.buffer.data(), weight.data(), desc.bias, n,
                                    ch, static_cast<int>(p / ow), static_cast<int>(p % ow));
        const auto activated = [&act](double at) {
          return reference::activation(static_cast<int>(act.kind), at, act.a, act.b);
        };
        // What the sum's rounding may become: exp and the logarithm near 0 are steep.
        const double v = activated(sum.value);
        const double rounding = (terms + 2) * std::ldexp(sum.magnitude, -24);
        const double moved = std::max(std::fabs(activated(sum.value + rounding) - v),
                                      std::fabs(activated(sum.value - rounding) - v));
        return Expected{v, std::max(rounding, moved) +
                               1e-6 * std::fabs(v) * (act.kind > ActivationKind::clamp)};
      },
      op->kernel() + " " + std::to_string(c.height) + "x" + std::to_string(c.width) + " " +
          label(isa, threads));
}

Window square(int k, int s, int before, int after, int dilation = 1) {
  return Window{k, k, s, s, dilation, dilation, before, before, after, after};
}

class Depthwise : public testing::TestWithParam<Isa> {};

TEST_P(Depthwise, SpecialisedKernelsAtEverySize) {
  const int sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 15, 16, 17, 18, 31, 33, 49, 56, 112};
  for (int width : sizes) {
    const int height = width > 20 ? 6 : width;
    for (int k : {3, 5}) {
      for (int s : {1, 2}) {
        check({square(k, s, k / 2, k / 2), height, width}, GetParam(), 1, 1, 2);
        check({square(k, s, 0, 1), height, width}, GetParam(), 1, 1, 1);  // "same" at stride 2
        check({square(k, s, 0, 0), height + k, width}, GetParam(), 1, 1, 1);
      }
    }
  }
}

TEST_P(Depthwise, AnyWindow) {
  const Case cases[] = {
      {square(1, 1, 0, 0), 5, 17},
      {square(2, 1, 0, 0), 6, 33},
      {square(7, 1, 3, 3), 14, 14},
      {square(7, 2, 3, 3), 15, 31},
      {square(3, 1, 2, 2, 2), 13, 49},
      {square(3, 2, 2, 2, 2), 13, 49},
      {square(3, 3, 1, 1), 16, 50},
      {square(4, 4, 0, 0), 16, 64},
      {square(3, 1, 2, 2), 5, 40},
      {square(3, 2, 2, 2), 9, 70},
      {square(3, 1, 3, 3), 2, 16},
      {square(5, 1, 8, 8, 4), 7, 7},
      {{3, 1, 1, 1, 1, 1, 1, 0, 1, 0}, 9, 21},
      {{1, 5, 1, 1, 1, 1, 0, 2, 0, 2}, 9, 21},
      {{3, 3, 2, 1, 1, 1, 0, 2, 1, 0}, 9, 21},
      {{3, 3, 1, 2, 2, 1, 3, 1, 0, 4}, 9, 21},
      {{3, 5, 2, 3, 1, 2, 1, 4, 1, 3}, 30, 70},
      {square(31, 1, 15, 15), 20, 35},
  };
  for (const Case& c : cases) check(c, GetParam(), 1, 1, 3);
}

TEST_P(Depthwise, BatchesThreadsAndBands) {
  check({square(3, 1, 1, 1), 14, 14}, GetParam(), 3, 3, 37);
  check({square(3, 1, 1, 1), 7, 7}, GetParam(), 2, 2, 53);  // many planes are claimed at once
  check({square(3, 2, 1, 1), 14, 14}, GetParam(), 2, 1, 53);
  for (int width :
       {20, 22, 26, 33, 49, 56, 1024, 1026}) {  // heights that blocks of rows overlap on
    check({square(3, 1, 1, 1), 23, width}, GetParam(), 1, 1, 2);
    check({square(3, 2, 1, 1), 22, width}, GetParam(), 1, 2, 2);
  }
  check({square(3, 1, 1, 1), 61, 130}, GetParam(), 3, 1, 2);  // fewer planes than threads
  check({square(3, 2, 1, 1), 112, 112}, GetParam(), 3, 1, 2);
  check({square(5, 1, 2, 2), 100, 100}, GetParam(), 1, 2, 1);  // several bands, one thread
}

TEST_P(Depthwise, Activations) {
  for (int kind = 0; kind < kActivationKinds; ++kind) {
    const Activation act{static_cast<ActivationKind>(kind), -0.1f, 0.3f};
    check({square(3, 1, 1, 1), 9, 19}, GetParam(), 1, 1, 3, act);
    check({square(3, 2, 1, 1), 9, 19}, GetParam(), 1, 1, 3, act, false);
  }
}

TEST_P(Depthwise, NaNAndInfinityReachTheirWindowsAndNoOther) {
  for (int k : {3, 5, 7}) {
    for (int s : {1, 2}) {
      check({square(k, s, k / 2, k / 2), 9, 21}, GetParam(), 1, 1, 2,
            {ActivationKind::clamp, -1.f, 1.f}, true, [](Tensor* x) {
              x->at(0, 0, 0, 20) = kNaN;  // the end of a row: its neighbour starts the next
              x->at(0, 0, 4, 0) = kInf;
              x->at(0, 1, 8, 20) = -kInf;
            });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Depthwise, testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
