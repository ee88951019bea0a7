// Reductions over any dimensions of row-major tensors, against plain sums in double.
#include <cmath>

#include "ops/reduce/reference.h"
#include "rows_harness.h"

namespace secateur {
namespace {

using format::ReduceKind;

class Reductions : public ::testing::TestWithParam<Isa> {};

void check(const RowsTensor& x, const std::vector<uint32_t>& axes, int kind, Isa isa, int threads) {
  format::Reduce o;
  o.kind = static_cast<ReduceKind>(kind);
  o.axes = axes;
  Shape shape = x.shape;
  int64_t terms = 1;
  for (const uint32_t axis : axes) {
    terms *= shape[axis];
    shape[axis] = 1;
  }
  const Activation act = kind == 1 ? Activation{ActivationKind::relu, 0, 0} : Activation{};
  const auto y = run_rows({o, act, {x.shape}, shape}, {&x}, isa, threads);
  std::string what = std::string(isa_name(isa)) + " kind " + std::to_string(kind) + " axes";
  for (const uint32_t axis : axes) what += " " + std::to_string(axis);
  const std::vector<double> exact = reference::reduce(x.shape, x.data, o);
  size_t i = 0;
  expect_rows(
      y, shape,
      [&](const auto&) {
        const double v = exact[i++];
        // |x| <= 3; every order of additions rounds each of them at most once.
        const double sum = kind == 1 ? 3.0 * static_cast<double>(terms) : 3;
        const double tolerance =
            kind < 2 ? std::ldexp(sum * static_cast<double>(terms + 2), -24) : 0;
        return Expected{kind == 1 && v < 0 ? 0 : v, tolerance};
      },
      what);
}

TEST_P(Reductions, EverySetOfDimensions) {
  Random random(1);
  for (const Shape& shape :
       {Shape{3, 5, 17}, Shape{2, 1, 4, 3}, Shape{7}, Shape{1, 1}, Shape{2, 3, 2, 16}}) {
    const RowsTensor x(shape, &random, -3, 3);
    for (uint32_t set = 1; set < 1u << shape.size(); set++) {
      std::vector<uint32_t> axes;
      for (uint32_t d = 0; d < shape.size(); d++) {
        if (set >> d & 1) axes.insert(axes.begin(), d);  // in any order
      }
      for (int kind = 0; kind < 4; kind++) check(x, axes, kind, GetParam(), set % 3 + 1);
    }
  }
}

TEST_P(Reductions, LongRowsAndManyOfThem) {
  Random random(2);
  const RowsTensor wide({3, 5000}, &random, -3, 3), deep({6, 40, 33}, &random, -3, 3);
  for (int kind = 0; kind < 4; kind++) {
    check(wide, {0}, kind, GetParam(), 3);
    check(wide, {1}, kind, GetParam(), 2);
    check(wide, {0, 1}, kind, GetParam(), 2);
    check(deep, {1}, kind, GetParam(), 3);
    check(deep, {0, 2}, kind, GetParam(), 1);
  }
}

TEST_P(Reductions, NaNReachesOnlyWhatReadsIt) {
  Random random(3);
  RowsTensor x({2, 3, 20}, &random);
  x.data[7] = kNaN;
  x.data[90] = -kInf;
  for (int kind = 0; kind < 4; kind++) {
    for (const auto& axes : {std::vector<uint32_t>{2}, {0}, {1, 2}, {0, 1, 2}}) {
      check(x, axes, kind, GetParam(), 1);
    }
  }
}

TEST(Reduction, WhatAFileMaySay) {
  const auto verdict = [](int kind, std::vector<uint32_t> axes, Shape y) {
    format::Reduce o;
    o.kind = static_cast<ReduceKind>(kind);
    o.axes = std::move(axes);
    return RowsOp{o, {}, {{2, 3}}, std::move(y)}.verdict();
  };
  EXPECT_EQ(verdict(3, {1}, {2, 1}), "");
  EXPECT_EQ(verdict(0, {1, 0}, {1, 1}), "");
  EXPECT_EQ(verdict(0, {2}, {2, 3}), "dimension 2");
  EXPECT_EQ(verdict(0, {1, 1}, {2, 1}), "dimension 1");
  EXPECT_EQ(verdict(0, {1}, {2}), "it makes [2] of [2, 3]");
  EXPECT_EQ(verdict(0, {1}, {1, 3}), "it makes [1, 3] of [2, 3]");
  EXPECT_EQ(verdict(4, {1}, {2, 1}), "an unknown kind of reduction");
  testing::ModelBuilder b;
  const uint32_t x = b.tensor(1, 2, 1, 3), y = b.tensor(1, 2, 1, 1);
  format::GlobalPool least;
  least.kind = ReduceKind::min;
  b.op("pool", least, {x}, y);
  EXPECT_EQ(std::string(verify_op(b.model, b.model.ops[0]).message()),
            "an unknown kind of reduction");
}

INSTANTIATE_TEST_SUITE_P(Isas, Reductions, ::testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
