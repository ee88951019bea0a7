// Products of computed matrices against plain sums in double.
#include <cmath>

#include "ops/common/reference_activation.h"
#include "ops/matmul/reference.h"
#include "rows_harness.h"

namespace secateur {
namespace {

class Products : public ::testing::TestWithParam<Isa> {};

struct Case {
  Shape lead_a, lead_b, lead_y;
  uint32_t rows, depth, cols;
};

Shape with(Shape lead, uint32_t rows, uint32_t cols, bool transposed) {
  lead.push_back(transposed ? cols : rows);
  lead.push_back(transposed ? rows : cols);
  return lead;
}

void check(const Case& c, int form, Isa isa, int threads, Random* random) {
  format::MatMul o;
  o.transpose_a = (form & 1) != 0;
  o.transpose_b = (form & 2) != 0;
  const RowsTensor a(with(c.lead_a, c.rows, c.depth, o.transpose_a), random, -2, 2);
  const RowsTensor b(with(c.lead_b, c.depth, c.cols, o.transpose_b), random, -2, 2);
  const Shape shape = with(c.lead_y, c.rows, c.cols, false);
  const Activation act = form == 3 ? Activation{ActivationKind::sigmoid, 0, 0} : Activation{};
  std::string kernel;
  const auto y = run_rows({o, act, {a.shape, b.shape}, shape}, {&a, &b}, isa, threads, &kernel);
  const RowsTensor* operands[] = {&a, &b};
  const Shape* leads[] = {&c.lead_a, &c.lead_b};
  const int64_t sizes[] = {int64_t{c.rows} * c.depth, int64_t{c.depth} * c.cols};
  expect_rows(
      y, shape,
      [&](const std::vector<int64_t>& at) {
        const float* from[2];
        for (int k = 0; k < 2; k++) {  // the matrix of this batch, with broadcasting
          const Shape& lead = *leads[k];
          int64_t place = 0;
          for (size_t d = 0; d < lead.size(); d++) {
            const int64_t i = at[at.size() - 2 - lead.size() + d];
            place = place * lead[d] + (lead[d] == 1 ? 0 : i);
          }
          from[k] = operands[k]->data.data() + place * sizes[k];
        }
        const reference::Sum sum =
            reference::product_at(from[0], from[1], at[at.size() - 2], at.back(), c.rows, c.depth,
                                  c.cols, o.transpose_a, o.transpose_b);
        const double v = reference::activation(static_cast<int>(act.kind), sum.value, 0, 0);
        return Expected{v, std::ldexp((c.depth + 16) * sum.magnitude, -24) + 1e-6};
      },
      kernel + " " + std::to_string(c.rows) + "x" + std::to_string(c.depth) + "x" +
          std::to_string(c.cols) + " form " + std::to_string(form));
}

TEST_P(Products, AnySizes) {
  Random random(1);
  for (const uint32_t rows : {1u, 3u, 8u, 9u, 17u}) {
    for (const uint32_t depth : {1u, 3u, 4u, 7u, 64u}) {
      for (const uint32_t cols : {1u, 4u, 15u, 16u, 17u, 33u}) {
        for (int form = 0; form < 4; form++) {
          check({{}, {}, {}, rows, depth, cols}, form, GetParam(), 1, &random);
        }
      }
    }
  }
}

TEST_P(Products, MoreThanOnePanelOfTermsAndChunkOfRows) {
  Random random(2);
  for (int form = 0; form < 4; form++) {
    check({{}, {}, {}, 131, 259, 37}, form, GetParam(), 3, &random);
    check({{}, {}, {}, 2, 600, 70}, form, GetParam(), 2, &random);
  }
}

TEST_P(Products, BatchesBroadcast) {
  Random random(3);
  for (int form = 0; form < 4; form++) {
    for (const int threads : {1, 3}) {
      check({{2, 3}, {2, 3}, {2, 3}, 5, 6, 7}, form, GetParam(), threads, &random);
      check({{2, 3}, {}, {2, 3}, 5, 6, 7}, form, GetParam(), threads, &random);
      check({{}, {4}, {4}, 5, 6, 7}, form, GetParam(), threads, &random);
      check({{2, 1}, {3}, {2, 3}, 5, 6, 7}, form, GetParam(), threads, &random);
      check({{3, 1}, {1, 2}, {3, 2}, 1, 9, 33}, form, GetParam(), threads, &random);
      check({{1}, {1}, {1}, 4, 4, 4}, form, GetParam(), threads, &random);
    }
  }
}

TEST_P(Products, NaNReachesOnlyItsRowAndColumn) {
  Random random(4);
  RowsTensor a({6, 5}, &random), b({5, 20}, &random);
  a.data[2 * 5 + 1] = kNaN;
  b.data[3 * 20 + 18] = kInf;
  const auto y =
      run_rows({format::MatMul{}, {}, {a.shape, b.shape}, {6, 20}}, {&a, &b}, GetParam(), 1);
  for (size_t i = 0; i < 6; i++) {
    for (size_t j = 0; j < 20; j++) {
      EXPECT_EQ(std::isnan(y[i * 20 + j]), i == 2) << i << " " << j;
      EXPECT_EQ(std::isinf(y[i * 20 + j]), i != 2 && j == 18) << i << " " << j;
    }
  }
}

TEST(Product, WhatAFileMaySay) {
  const auto verdict = [](Shape a, Shape b, Shape y, bool transpose_b = false) {
    format::MatMul o;
    o.transpose_b = transpose_b;
    return RowsOp{o, {}, {std::move(a), std::move(b)}, std::move(y)}.verdict();
  };
  EXPECT_EQ(verdict({2, 3}, {3, 4}, {2, 4}), "");
  EXPECT_EQ(verdict({2, 3}, {4, 3}, {2, 4}, true), "");
  EXPECT_EQ(verdict({2, 3}, {3, 4}, {2, 4}, true), "[2, 3] times [3, 4] is not [2, 4]");
  EXPECT_EQ(verdict({2, 3}, {4, 3}, {2, 4}), "[2, 3] times [4, 3] is not [2, 4]");
  EXPECT_EQ(verdict({2, 3}, {3, 4}, {2, 5}), "[2, 3] times [3, 4] is not [2, 5]");
  EXPECT_EQ(verdict({2, 3}, {3, 4}, {1, 2, 4}), "[2, 3] times [3, 4] is not [1, 2, 4]");
  EXPECT_EQ(verdict({2, 2, 3}, {3, 3, 4}, {2, 2, 4}), "[2, 2, 3] times [3, 3, 4] is not [2, 2, 4]");
  EXPECT_EQ(verdict({3}, {3, 4}, {4}), "[3] times [3, 4] is not [4]");
  const uint32_t large = 1u << 20;
  EXPECT_EQ(verdict({large, 1u << 21}, {1u << 21, large}, {large, large}), "too many products");
}

INSTANTIATE_TEST_SUITE_P(Isas, Products, ::testing::ValuesIn(usable_isas()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
