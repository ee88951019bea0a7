// Layer normalisation and softmax over channels, in planes and for a single position.
#include "op_harness.h"
#include "ops/common/reference_activation.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/layer_norm/reference.h"
#include "ops/softmax/reference.h"
#include "ops/softmax/softmax.h"

namespace secateur {
namespace {

// The channels of one position, and what the reference makes of them.
struct Column {
  std::vector<double> x, y;
  double deviation = 0;  // standard deviation
};

template <typename F>
std::vector<Column> columns_of(const Tensor& x, F f) {
  std::vector<Column> columns;
  for (int n = 0; n < x.planes.batch; ++n) {
    for (int64_t i = 0; i < x.planes.positions(); ++i) {
      Column column;
      double mean = 0, variance = 0;
      for (int c = 0; c < x.planes.channels; ++c) column.x.push_back(x.at(n, c, i));
      for (double u : column.x) mean += u / x.planes.channels;
      for (double u : column.x) variance += (u - mean) * (u - mean) / x.planes.channels;
      column.deviation = std::sqrt(variance);
      column.y = f(column.x);
      columns.push_back(column);
    }
  }
  return columns;
}

void check_layer_norm(int channels, int positions, float offset, Isa isa, int threads,
                      bool affine = true, Activation act = {}, float nan_at = -1) {
  Random random(channels * 31 + positions);
  Tensor x(make_planes(2, channels, 1, positions), &random, offset - 1, offset + 1);
  if (nan_at >= 0) x.at(0, channels / 2, 0) = kNaN;
  Tensor y(x.planes);
  const std::vector<float> gamma = random.vector(channels), beta = random.vector(channels);
  LayerNormDesc desc;
  desc.x = x.planes;
  desc.y = y.planes;
  desc.gamma = affine ? gamma.data() : nullptr;
  desc.beta = affine ? beta.data() : nullptr;
  desc.epsilon = 1e-5f;
  desc.activation = act;
  OperatorPtr op;
  ASSERT_TRUE(make_layer_norm(desc, isa, &op).ok());
  run_op(*op, {&x}, y, threads);
  const std::vector<Column> columns = columns_of(x, [&](const std::vector<double>& column) {
    return reference::layer_norm(column, desc.gamma, desc.beta, desc.epsilon);
  });
  expect_planes(
      y,
      [&](int n, int c, int64_t i) {
        const Column& column = columns[n * positions + i];
        const double v =
            reference::activation(static_cast<int>(act.kind), column.y[c], act.a, act.b);
        const double deviation = std::hypot(column.deviation, std::sqrt(desc.epsilon));
        // Of the spread (|y| up to some 10) a few C 2^-24; of the offset one rounding of the mean,
        // divided by the deviation: docs/numerics.md.
        return Expected{
            v, std::ldexp(4.0 * (channels + 16) + 4 * std::fabs(double{offset}) / deviation, -24)};
      },
      op->kernel() + " C " + std::to_string(channels) + " P " + std::to_string(positions) + " " +
          label(isa, threads));
}

class Norm : public testing::TestWithParam<Isa> {};

TEST_P(Norm, LayerNormOfEverySize) {
  for (int channels : {1, 2, 3, 7, 15, 16, 17, 33, 64, 65}) {
    for (int positions : {1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 130}) {
      check_layer_norm(channels, positions, 0, GetParam(), 1);
    }
  }
  for (int positions : {1, 5}) {
    check_layer_norm(768, positions, 0, GetParam(), 1);
    check_layer_norm(97, positions, 0, GetParam(), 1, false);
  }
}

TEST_P(Norm, LayerNormFarFromZero) {
  for (int positions : {1, 17}) check_layer_norm(300, positions, 1000, GetParam(), 1);
}

TEST_P(Norm, LayerNormThreadsActivationAndNaN) {
  check_layer_norm(200, 300, 0, GetParam(), 3, true, {ActivationKind::relu, 0, 0});
  check_layer_norm(20, 1, 0, GetParam(), 3, true, {ActivationKind::relu, 0, 0});
  check_layer_norm(20, 18, 0, GetParam(), 1, true, {}, 1);
  check_layer_norm(20, 1, 0, GetParam(), 1, true, {}, 1);
}

void check_softmax(int channels, int positions, float lo, float hi, Isa isa, int threads,
                   const std::function<void(Tensor*)>& edit = {}) {
  Random random(channels * 31 + positions);
  Tensor x(make_planes(2, channels, 1, positions), &random, lo, hi);
  if (edit) edit(&x);
  Tensor y(x.planes);
  OperatorPtr op;
  ASSERT_TRUE(make_softmax({x.planes, y.planes}, isa, &op).ok());
  run_op(*op, {&x}, y, threads);
  const std::vector<Column> columns = columns_of(x, reference::softmax);
  expect_planes(
      y,
      [&](int n, int c, int64_t i) {
        const double v = columns[n * positions + i].y[c];
        // x - max rounds once, which e^ turns into |x - max| 2^-24 relative; the sum adds C 2^-24.
        return Expected{v, v * std::ldexp(channels + 16 + (hi - lo), -24) + 1e-37};
      },
      op->kernel() + " C " + std::to_string(channels) + " P " + std::to_string(positions));
}

TEST_P(Norm, SoftmaxOfEverySize) {
  for (int channels : {1, 2, 3, 7, 15, 16, 17, 33, 64, 65}) {
    for (int positions : {1, 2, 3, 15, 16, 17, 31, 33, 65, 130}) {
      check_softmax(channels, positions, -5, 5, GetParam(), 1);
    }
  }
  check_softmax(1000, 1, -20, 20, GetParam(), 1);
  check_softmax(1000, 70, -200, 200, GetParam(), 3);
}

TEST_P(Norm, SoftmaxOfInfinitiesAndNaN) {
  for (int positions : {1, 20}) {
    check_softmax(20, positions, -1, 1, GetParam(), 1, [](Tensor* x) { x->at(0, 3, 0) = -kInf; });
    check_softmax(20, positions, -1, 1, GetParam(), 1, [](Tensor* x) { x->at(0, 3, 0) = kNaN; });
    check_softmax(3, positions, -1, 1, GetParam(), 1, [](Tensor* x) { x->at(1, 2, 0) = kNaN; });
    check_softmax(20, positions, -1, 1, GetParam(), 1, [](Tensor* x) { x->at(0, 3, 0) = kInf; });
    check_softmax(20, positions, -1, 1, GetParam(), 1, [](Tensor* x) {
      for (int c = 0; c < 20; ++c) x->at(0, c, 0) = -kInf;
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Norm, testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
