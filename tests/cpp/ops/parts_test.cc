// Parts of row-major tensors taken, put side by side, and surrounded by a constant: every element
// where it belongs, to the bit.
#include "rows_harness.h"

namespace secateur {
namespace {

constexpr Isa kIsa = Isa::scalar;  // copies are the same on all

TEST(Parts, SlicesWithSteps) {
  Random random(1);
  struct Case {
    Shape x, begin, step, y;
  };
  for (const Case& c :
       {Case{{7}, {2}, {1}, {5}}, Case{{7}, {1}, {3}, {2}}, Case{{4, 33}, {1, 0}, {1, 1}, {2, 33}},
        Case{{4, 33}, {0, 3}, {1, 1}, {4, 20}}, Case{{4, 33}, {1, 2}, {2, 5}, {2, 7}},
        Case{{3, 5, 8}, {0, 1, 4}, {2, 2, 1}, {2, 2, 4}},
        Case{{2, 3, 4, 5}, {1, 2, 3, 4}, {1, 1, 1, 1}, {1, 1, 1, 1}},
        Case{{300, 70}, {5, 0}, {2, 1}, {120, 64}}}) {
    const RowsTensor x(c.x, &random);
    format::StridedSlice o;
    o.begin = c.begin;
    o.step = c.step;
    for (const int threads : {1, 3}) {
      const auto y = run_rows({o, {}, {c.x}, c.y}, {&x}, kIsa, threads);
      expect_rows(
          y, c.y,
          [&](std::vector<int64_t> at) {
            for (size_t d = 0; d < at.size(); d++) at[d] = c.begin[d] + at[d] * c.step[d];
            return Expected{broadcast_at(x, at), 0};
          },
          "slice");
    }
  }
}

TEST(Parts, SideBySideAlongAnyDimension) {
  Random random(2);
  for (uint32_t axis = 0; axis < 3; axis++) {
    for (const uint32_t last : {1u, 7u, 300u}) {
      std::vector<RowsTensor> parts;
      std::vector<const RowsTensor*> inputs;
      RowsOp op{format::Stack{axis}, {}, {}, {2, 3, last}};
      op.output[axis] = 0;
      for (const uint32_t size : {2u, 1u, 5u}) {
        Shape shape{2, 3, last};
        shape[axis] = size;
        parts.emplace_back(shape, &random);
        op.inputs.push_back(shape);
        op.output[axis] += size;
      }
      for (const RowsTensor& part : parts) inputs.push_back(&part);
      const auto y = run_rows(op, inputs, kIsa, 2);
      expect_rows(
          y, op.output,
          [&](std::vector<int64_t> at) {
            size_t part = 0;
            while (at[axis] >= parts[part].shape[axis]) at[axis] -= parts[part++].shape[axis];
            return Expected{broadcast_at(parts[part], at), 0};
          },
          "side by side along " + std::to_string(axis));
    }
  }
}

TEST(Parts, AConstantAround) {
  Random random(3);
  struct Case {
    Shape x, before, y;
  };
  for (const Case& c : {Case{{5}, {2}, {9}}, Case{{3, 4}, {0, 1}, {3, 6}},
                        Case{{3, 4}, {1, 0}, {7, 4}}, Case{{2, 3, 4}, {1, 1, 1}, {4, 5, 6}},
                        Case{{3, 4}, {0, 0}, {3, 4}}, Case{{90, 100}, {3, 5}, {100, 110}}}) {
    const RowsTensor x(c.x, &random);
    format::Enlarge o;
    o.before = c.before;
    o.value = 0.5f;
    const auto y = run_rows({o, {}, {c.x}, c.y}, {&x}, kIsa, 3);
    expect_rows(
        y, c.y,
        [&](std::vector<int64_t> at) {
          for (size_t d = 0; d < at.size(); d++) {
            at[d] -= c.before[d];
            if (at[d] < 0 || at[d] >= c.x[d]) return Expected{0.5, 0};
          }
          return Expected{broadcast_at(x, at), 0};
        },
        "enlarged");
  }
}

TEST(Parts, WhatAFileMaySay) {
  const auto slice = [](Shape begin, Shape step, Shape y) {
    format::StridedSlice o;
    o.begin = std::move(begin);
    o.step = std::move(step);
    return RowsOp{o, {}, {{4, 6}}, std::move(y)};
  };
  const auto enlarge = [](Shape before, Shape y) {
    format::Enlarge o;
    o.before = std::move(before);
    return RowsOp{o, {}, {{4, 6}}, std::move(y)};
  };
  const uint32_t most = 0xffffffff;
  const Activation relu{ActivationKind::relu, 0, 0};
  EXPECT_EQ(slice({0, 0}, {3, 5}, {2, 2}).verdict(), "");
  EXPECT_EQ(enlarge({1, 0}, {5, 6}).verdict(), "");
  const std::pair<RowsOp, const char*> cases[] = {
      {slice({2, 0}, {3, 5}, {2, 2}), "it makes [2, 2] of [4, 6]"},
      {slice({1, 1}, {3, 5}, {2, 2}), "it makes [2, 2] of [4, 6]"},
      {slice({1, 0}, {3, most}, {2, 2}), "it makes"},
      {slice({most, 0}, {1, 1}, {2, 2}), "it makes"},
      {slice({0, 0}, {0, 1}, {4, 6}), "it makes"},
      {slice({0}, {1}, {4, 6}), "it makes"},
      {slice({0, 0}, {1, 1}, {24}), "it makes [24] of [4, 6]"},
      {enlarge({1, 0}, {4, 6}), "it makes [4, 6] of [4, 6]"},
      {enlarge({most, 0}, {5, 6}), "it makes"},
      {enlarge({0}, {4, 6}), "it makes"},
      {{format::Enlarge{}, relu, {{4}}, {4}}, "no activation"},
      {{format::Stack{2}, {}, {{4, 6}}, {4, 6}}, "there is no dimension 2"},
      {{format::Stack{0}, {}, {{4, 6}, {4, 5}}, {8, 6}}, "input 1 is [4, 5]"},
      {{format::Stack{0}, {}, {{4, 6}, {6}}, {5, 6}}, "input 1 is [6]"},
      {{format::Stack{0}, {}, {{4, 6}, {4, 6}}, {9, 6}}, "it makes [9, 6] of 8 along dimension 0"},
      {{format::Stack{0}, relu, {{4}}, {4}}, "no activation"},
  };
  for (const auto& [op, part] : cases) {
    EXPECT_NE(op.verdict().find(part), std::string::npos) << op.verdict() << " for " << part;
  }
  testing::ModelBuilder b;
  const uint32_t x = b.tensor(1, 2, 1, 3), y = b.rows({2, 3});
  b.op("stack", format::Stack{0}, {y, x}, y);
  EXPECT_EQ(std::string(verify_op(b.model, b.model.ops[0]).message()),
            "it takes row-major tensors");
}

}  // namespace
}  // namespace secateur
