// Depthwise convolution of i8 against its definition: every byte, on every instruction set.
#include <gtest/gtest.h>

#include "base/text.h"
#include "codes_harness.h"
#include "ops/depthwise/reference_i8.h"

namespace secateur {
namespace {

struct Case {
  int batch, channels, height, width;
  Window window;
};

Window window(int kh, int kw, int stride, int dilation, int pad) {
  return {kh, kw, stride, stride, dilation, dilation, pad, pad, pad, pad};
}

int out_of(int in, int kernel, int stride, int dilation, int before, int after) {
  return (in + before + after - (dilation * (kernel - 1) + 1)) / stride + 1;
}

// zero: of x; extremes give sums at the ends of what is allowed.
void check(const Case& c, const Activation& activation, int zero, bool extreme, uint64_t seed) {
  Random random(seed);
  const Window& w = c.window;
  const int height =
      out_of(c.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, w.pad_bottom);
  const int width = out_of(c.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, w.pad_right);
  const size_t taps = static_cast<size_t>(w.kernel_h * w.kernel_w);
  std::vector<int8_t> weight(taps * static_cast<size_t>(c.channels));
  for (int8_t& v : weight) {
    v = static_cast<int8_t>(extreme ? (random.bits() & 1 ? 127 : -127)
                                    : static_cast<int>(random.bits() % 255) - 127);
  }
  std::vector<float> scales;
  std::vector<int32_t> bias;
  for (int i = 0; i < c.channels; ++i) {
    scales.push_back(random.uniform(1e-4f, extreme ? 1e6f : 3e-3f));
    bias.push_back(static_cast<int32_t>(random.bits() % 20001) - 10000);
    if (extreme) bias.back() = random.bits() & 1 ? INT32_MAX - 800000 : -(INT32_MAX - 800000);
  }
  DepthwiseI8Desc d;
  d.x = make_planes4(c.batch, c.channels, c.height, c.width);
  d.y = make_planes4(c.batch, c.channels, height, width);
  d.window = w;
  d.activation = activation;
  d.x_scale = {0.02f, zero};
  d.y_scale = {0.05f, static_cast<int32_t>(random.bits() % 256) - 128};
  d.weight = weight.data();
  d.scales = scales.data();
  d.bias = seed % 5 == 4 ? nullptr : bias.data();
  Codes x(d.x, &random);
  for (int64_t i = 0; extreme && i < d.x.elements(); ++i) {
    x.data()[i] = random.bits() & 1 ? 127 : -128;
  }
  for (const Isa isa : all_usable_isas()) {
    for (const int threads : {1, 2, 4}) {
      const Codes y(d.y, &random);
      OperatorPtr op;
      ASSERT_TRUE(make_depthwise_i8(d, isa, &op).ok());
      run_codes(*op, {x.data()}, y.data(), threads);
      expect_codes(
          y,
          [&](int n, int ch, int64_t i) {
            return reference::depthwise_i8_at(d, x.data(), n, ch, static_cast<int>(i / width),
                                              static_cast<int>(i % width));
          },
          text(label(isa, threads), " ", op->kernel(), " ", c.channels, "x", c.height, "x", c.width,
               " stride ", w.stride_w, " dilation ", w.dilation_w));
    }
  }
}

TEST(DepthwiseI8, Windows) {
  uint64_t seed = 1;
  for (const int kernel : {1, 2, 3, 4, 5, 7, 9}) {
    for (const int stride : {1, 2, 3, 5}) {
      for (const int dilation : {1, 2, 3, 5}) {
        const int pad = dilation * (kernel - 1) / 2;
        const Case c{1, 6, 13, 17, window(kernel, kernel, stride, dilation, pad)};
        if (dilation * (kernel - 1) + 1 > 13 + 2 * pad) continue;
        check(c, {}, static_cast<int>(seed % 256) - 128, false, seed);
        seed++;
      }
    }
  }
}

TEST(DepthwiseI8, Sizes) {
  uint64_t seed = 1000;
  for (const int channels : {1, 3, 4, 5, 8, 17}) {
    for (const int size : {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33}) {
      for (const int stride : {1, 2}) {
        check({2, channels, size, size, window(3, 3, stride, 1, 1)}, {}, -7, false, seed++);
      }
    }
  }
  // More rows than a band holds.
  check({1, 5, 70, 112, window(3, 3, 1, 1, 1)}, {}, 3, false, seed++);
  check({1, 5, 71, 111, window(3, 3, 2, 1, 1)}, {}, 3, false, seed++);
  check({1, 2, 40, 90, window(5, 5, 1, 1, 2)}, {}, -128, false, seed++);
  check({1, 2, 3, 700, window(3, 3, 1, 1, 1)}, {}, 127, false, seed++);
}

TEST(DepthwiseI8, UnevenWindowsAndPadding) {
  uint64_t seed = 2000;
  check({1, 4, 9, 20, {1, 7, 1, 2, 1, 1, 0, 3, 0, 2}}, {}, 5, false, seed++);
  check({1, 4, 20, 9, {7, 1, 3, 1, 1, 2, 6, 0, 1, 4}}, {}, 5, false, seed++);
  check({1, 4, 9, 9, {3, 4, 2, 1, 2, 3, 9, 30, 4, 30}}, {}, 5, false, seed++);
  check({1, 4, 2, 2, {5, 5, 1, 1, 1, 1, 40, 40, 40, 40}}, {}, 5, false, seed++);
  for (const int s : {1, 2}) {
    check({1, 4, 9, 20, {3, 3, s, s, 1, 1, 0, 0, 0, 0}}, {}, 5, false, seed++);
    check({1, 7, 11, 43, {3, 3, s, s, 1, 1, 2, 0, 7, 1}}, {}, -9, false, seed++);
    check({1, 4, 2, 2, {3, 3, s, s, 1, 1, 40, 40, 40, 40}}, {}, 5, false, seed++);
  }
}

TEST(DepthwiseI8, ActivationsAndExtremes) {
  uint64_t seed = 3000;
  for (const bool extreme : {false, true}) {
    for (const Activation& activation :
         {Activation{}, Activation{ActivationKind::relu, 0, 0},
          Activation{ActivationKind::clamp, 0, 6}, Activation{ActivationKind::clamp, -1.5f, 1.3f},
          Activation{ActivationKind::clamp, 300, 400},
          Activation{ActivationKind::clamp, -kInf, kInf}}) {
      for (const int zero : {-128, 0, 127}) {
        check({1, 5, 9, 19, window(3, 3, 1, 1, 1)}, activation, zero, extreme, seed++);
        check({1, 5, 9, 19, window(5, 5, 1, 1, 2)}, activation, zero, extreme, seed++);
      }
    }
  }
}

}  // namespace
}  // namespace secateur
