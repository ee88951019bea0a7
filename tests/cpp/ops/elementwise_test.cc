// Unary and binary operators: every kind, form, broadcast and activation.
#include "op_harness.h"
#include "ops/binary/binary.h"
#include "ops/binary/reference.h"
#include "ops/common/reference_activation.h"
#include "ops/unary/unary.h"

namespace secateur {
namespace {

class Elementwise : public testing::TestWithParam<Isa> {};

constexpr int kSizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 49, 112};

TEST_P(Elementwise, UnaryOfEveryKind) {
  for (int kind = 0; kind <= 10; ++kind) {
    for (int width : kSizes) {
      Random random(width);
      Tensor x(make_planes(2, 5, 1, width), &random, -6, 6);
      x.at(1, 2, width / 2) = kNaN;
      Tensor y(x.planes);
      const Activation act{static_cast<ActivationKind>(kind), kind == 2 ? -0.5f : 0.2f, 0.7f};
      OperatorPtr op;
      ASSERT_TRUE(make_unary({x.planes, y.planes, act}, GetParam(), &op).ok());
      run_op(*op, {&x}, y, 1);
      expect_planes(
          y,
          [&](int n, int c, int64_t i) {
            const double v = x.at(n, c, i);
            return Expected{reference::activation(kind, v, act.a, act.b), std::isnan(v) ? 0 : 2e-6};
          },
          op->kernel() + " kind " + std::to_string(kind));
    }
  }
}

enum class Second { tensor, per_channel, per_channel_batch1, plane, one, channels, full };

void check_binary(int kind, Second second, bool reversed, int width, Isa isa, int threads,
                  Activation act = {}, int channels = 5) {
  Random random(kind * 100 + width);
  const int batch = 2;
  Tensor x(make_planes(batch, channels, 1, width), &random, 0.5, 2);
  x.at(1, 0, width - 1) = kNaN;
  Planes pb = x.planes;
  if (second == Second::per_channel) pb = make_planes(batch, channels, 1, 1);
  if (second == Second::per_channel_batch1) pb = make_planes(1, channels, 1, 1);
  Tensor b(pb, &random, 0.5, 2);
  std::vector<float> constant;
  if (second == Second::one) constant = random.vector(1, 0.5, 2);
  if (second == Second::channels) constant = random.vector(channels, 0.5, 2);
  if (second == Second::full) constant = random.vector(int64_t{channels} * width, 0.5, 2);
  Tensor y(x.planes);
  BinaryDesc desc;
  desc.x = x.planes;
  desc.y = y.planes;
  desc.b = pb;
  desc.kind = static_cast<BinaryKind>(kind);
  desc.reversed = reversed;
  desc.activation = act;
  if (!constant.empty()) {
    desc.constant = constant.data();
    desc.constant_floats = static_cast<int64_t>(constant.size());
  }
  OperatorPtr op;
  ASSERT_TRUE(make_binary(desc, isa, &op).ok());
  std::vector<const Tensor*> inputs = {&x};
  if (constant.empty()) inputs.push_back(&b);
  run_op(*op, inputs, y, threads);
  expect_planes(
      y,
      [&](int n, int c, int64_t i) {
        const double u = x.at(n, c, i);
        double v = 0;
        switch (second) {
          case Second::per_channel:
            v = b.at(n, c, 0);
            break;
          case Second::per_channel_batch1:
            v = b.at(0, c, 0);
            break;
          case Second::one:
            v = constant[0];
            break;
          case Second::channels:
            v = constant[c];
            break;
          case Second::full:
            v = constant[c * width + i];
            break;
          default:
            v = b.at(n, c, i);
        }
        const double r = reversed ? reference::binary(kind, v, u) : reference::binary(kind, u, v);
        return Expected{reference::activation(static_cast<int>(act.kind), r, act.a, act.b),
                        std::isnan(r) ? 0 : 2e-6};
      },
      "binary " + std::to_string(kind) + " second " + std::to_string(static_cast<int>(second)) +
          " width " + std::to_string(width) + " " + label(isa, threads));
}

TEST_P(Elementwise, BinaryOfEveryKindAndOperand) {
  for (int kind = 0; kind < 6; ++kind) {
    for (Second second : {Second::tensor, Second::per_channel, Second::per_channel_batch1,
                          Second::one, Second::channels, Second::full}) {
      for (bool reversed : {false, true}) {
        for (int width : kSizes) check_binary(kind, second, reversed, width, GetParam(), 1);
      }
    }
  }
}

TEST_P(Elementwise, BinaryActivations) {
  for (int kind = 0; kind <= 10; ++kind) {
    const Activation act{static_cast<ActivationKind>(kind), kind == 2 ? 0.9f : 0.2f, 1.7f};
    check_binary(1, Second::tensor, false, 33, GetParam(), 1, act);
  }
}

TEST_P(Elementwise, BinaryThreads) {
  check_binary(0, Second::tensor, false, 1000, GetParam(), 3, {ActivationKind::relu, 0, 0}, 37);
  check_binary(2, Second::per_channel, false, 1000, GetParam(), 3, {}, 37);
}

TEST_P(Elementwise, MaximumAndMinimumTakeNaNFromEitherSide) {
  for (BinaryKind kind : {BinaryKind::max, BinaryKind::min}) {
    Tensor x(make_planes(1, 1, 1, 3)), b(x.planes), y(x.planes);
    const float a[] = {kNaN, 1, 2}, c[] = {1, kNaN, 3};
    for (int i = 0; i < 3; ++i) {
      x.at(0, 0, i) = a[i];
      b.at(0, 0, i) = c[i];
    }
    BinaryDesc desc;
    desc.x = desc.y = desc.b = x.planes;
    desc.kind = kind;
    OperatorPtr op;
    ASSERT_TRUE(make_binary(desc, GetParam(), &op).ok());
    run_op(*op, {&x, &b}, y, 1);
    EXPECT_TRUE(std::isnan(y.at(0, 0, 0)));
    EXPECT_TRUE(std::isnan(y.at(0, 0, 1)));
    EXPECT_EQ(y.at(0, 0, 2), kind == BinaryKind::max ? 3 : 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Elementwise, testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
