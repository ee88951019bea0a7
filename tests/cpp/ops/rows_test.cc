// Arithmetic with broadcasting, activations, softmax and new shapes of row-major tensors.
#include <cmath>

#include "ops/binary/reference.h"
#include "ops/common/reference_activation.h"
#include "rows_harness.h"

namespace secateur {
namespace {

class Rows : public ::testing::TestWithParam<Isa> {};

struct Pair {
  Shape a, b, y;
};

// One operand or both repeated, along inner, outer and middle dimensions.
const Pair kPairs[] = {
    {{2, 3, 17}, {2, 3, 17}, {2, 3, 17}},
    {{2, 3, 17}, {17}, {2, 3, 17}},
    {{2, 3, 17}, {3, 1}, {2, 3, 17}},
    {{2, 3, 17}, {1}, {2, 3, 17}},
    {{1}, {5, 33}, {5, 33}},
    {{1}, {1}, {1}},
    {{1, 1}, {1}, {1, 1}},
    {{4, 1, 5}, {3, 1}, {4, 3, 5}},
    {{2, 1, 4, 1}, {3, 1, 7}, {2, 3, 4, 7}},
    {{9000}, {2, 1}, {2, 9000}},
    {{3, 5000}, {3, 5000}, {3, 5000}},
    {{2, 2, 1, 2, 1, 2, 1, 3}, {2, 1, 1}, {2, 2, 1, 2, 1, 2, 1, 3}},
    {{7, 1}, {1, 9}, {7, 9}},
};

TEST_P(Rows, ArithmeticBroadcasts) {
  Random random(3);
  for (const Pair& pair : kPairs) {
    const RowsTensor a(pair.a, &random, -3, 3), b(pair.b, &random, 0.5f, 3);
    for (int kind = 0; kind < 6; kind++) {
      for (const bool reversed : {false, true}) {
        format::Binary o;
        o.kind = static_cast<format::BinaryKind>(kind);
        o.reversed = reversed;
        const Activation act = kind == 1   ? Activation{ActivationKind::clamp, -1, 2}
                               : kind == 2 ? Activation{ActivationKind::tanh, 0, 0}
                                           : Activation{};
        const auto y =
            run_rows({o, act, {pair.a, pair.b}, pair.y}, {&a, &b}, GetParam(), reversed ? 3 : 1);
        expect_rows(
            y, pair.y,
            [&](const std::vector<int64_t>& at) {
              const double m = broadcast_at(a, at), n = broadcast_at(b, at);
              const double v =
                  reversed ? reference::binary(kind, n, m) : reference::binary(kind, m, n);
              const double value =
                  reference::activation(static_cast<int>(act.kind), v, act.a, act.b);
              return Expected{value, std::ldexp(1 + std::fabs(v), -21)};
            },
            "arithmetic " + std::to_string(kind));
      }
    }
  }
}

TEST_P(Rows, NaNReachesOnlyWhatReadsIt) {
  Random random(4);
  RowsTensor a({3, 19}, &random), b({3, 1}, &random);
  a.data[20] = kNaN;
  b.data[2] = kInf;
  format::Binary o;
  const auto y = run_rows({o, {}, {a.shape, b.shape}, a.shape}, {&a, &b}, GetParam(), 1);
  expect_rows(
      y, a.shape,
      [&](const auto& at) {
        return Expected{double{broadcast_at(a, at)} + broadcast_at(b, at), 1e-6};
      },
      "sum");
}

TEST_P(Rows, EveryActivation) {
  Random random(5);
  for (const Shape& shape : {Shape{1}, Shape{5, 3}, Shape{2, 8193}, Shape{1, 1, 65}}) {
    const RowsTensor x(shape, &random, -6, 6);
    for (int kind = 0; kind < 11; kind++) {
      const Activation act{static_cast<ActivationKind>(kind), 0.25f, 4};
      const auto y = run_rows({format::Unary{}, act, {shape}, shape}, {&x}, GetParam(), 2);
      expect_rows(
          y, shape,
          [&](const auto& at) {
            const double v = reference::activation(kind, broadcast_at(x, at), act.a, act.b);
            return Expected{v, 1e-5};
          },
          "activation " + std::to_string(kind));
    }
  }
}

TEST_P(Rows, SoftmaxOfTheLastDimension) {
  Random random(6);
  for (const Shape& shape : {Shape{1}, Shape{7}, Shape{2, 3, 1}, Shape{5, 16}, Shape{300, 33}}) {
    const RowsTensor x(shape, &random, -9, 9);
    const auto y = run_rows({format::Softmax{}, {}, {shape}, shape}, {&x}, GetParam(), 2);
    expect_rows(
        y, shape,
        [&](std::vector<int64_t> at) {
          const double mine = std::exp(double{broadcast_at(x, at)});
          double sum = 0;
          for (at.back() = 0; at.back() < shape.back(); at.back()++) {
            sum += std::exp(double{broadcast_at(x, at)});
          }
          return Expected{mine / sum, std::ldexp(64.0, -24)};
        },
        "softmax");
  }
}

TEST_P(Rows, NewShapesMoveNothing) {
  Random random(7);
  const RowsTensor x({6, 35}, &random);
  EXPECT_EQ(run_rows({format::Reshape{}, {}, {x.shape}, {5, 1, 42}}, {&x}, GetParam(), 2), x.data);
}

TEST(RowsInAFile, WhatItMaySay) {
  format::Binary add, unknown, constant;
  unknown.kind = static_cast<format::BinaryKind>(9);
  constant.constant = 0;
  const Activation relu{ActivationKind::relu, 0, 0};
  const std::pair<RowsOp, const char*> cases[] = {
      {{add, {}, {{2, 3}, {3, 2}}, {2, 3}}, "[2, 3] and [3, 2] do not make [2, 3]"},
      {{add, {}, {{2, 3}, {3}}, {3}}, "do not make [3]"},
      {{add, {}, {{2, 1}, {3}}, {2, 1}}, "do not make"},
      {{add, {}, {{2, 3}}, {2, 3}}, "1 inputs"},
      {{unknown, {}, {{2}, {2}}, {2}}, "unknown kind"},
      {{constant, {}, {{2}, {2}}, {2}}, "two inputs and a constant"},
      {{format::Unary{}, relu, {{2, 3}}, {3, 2}}, "it makes [3, 2] of [2, 3]"},
      {{format::Softmax{}, {}, {{2, 3}}, {6}}, "it makes [6]"},
      {{format::Softmax{}, relu, {{2, 3}}, {2, 3}}, "no activation"},
      {{format::Reshape{}, {}, {{2, 3}}, {5}}, "it makes [5] of [2, 3]"},
      {{format::Reshape{}, relu, {{2, 3}}, {6}}, "no activation"},
      {{format::Flatten{}, {}, {{2, 3}}, {6}}, "row_major, it takes f32 in planes"},
  };
  for (const auto& [op, part] : cases) {
    EXPECT_NE(op.verdict().find(part), std::string::npos) << op.verdict() << " for " << part;
  }
  testing::ModelBuilder b;
  const uint32_t x = b.tensor(1, 2, 1, 3), y = b.rows({2, 3});
  b.op("add", add, {x, x}, y);
  EXPECT_NE(std::string(verify_op(b.model, b.model.ops[0]).message()).find("planes, it takes"),
            std::string::npos);
}

// Written over its input where that is as large; where it is repeated its memory is still needed.
TEST(RowsInAFile, MemoryOfAnInput) {
  const auto verdict = [](const RowsOp& what, bool in_place) {
    testing::ModelBuilder b = what.model();
    if (in_place) b.model.tensors.back().arena_offset = b.model.tensors[0].arena_offset;
    for (uint32_t i = 0; i < what.inputs.size(); i++) b.input(i, what.inputs[i]);
    b.output(static_cast<uint32_t>(what.inputs.size()), what.output);
    return std::string(verify_model(b.model).message());
  };
  const RowsOp sum{format::Binary{}, {}, {{4, 33}, {33}}, {4, 33}};
  const RowsOp enlarged{format::Binary{}, {}, {{33}, {4, 1}}, {4, 33}};
  const RowsOp renamed{format::Reshape{}, {}, {{4, 33}}, {132}};
  for (const RowsOp& op : {sum, renamed}) {
    EXPECT_EQ(verdict(op, false), "");
    EXPECT_EQ(verdict(op, true), "");
  }
  EXPECT_EQ(verdict(enlarged, false), "");
  EXPECT_NE(verdict(enlarged, true).find("share memory"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Isas, Rows, ::testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
