// Blocks of four i8 weights whose neighbours' sum is bounded: the sum of what a block became is the
// block, and no pair of one sign is beyond the bound.
#include "pack/quad_rows.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace secateur {
namespace {

int weight_of(int32_t block, int at) {
  return static_cast<int8_t>(static_cast<uint32_t>(block) >> (8 * at));
}

QuadRows of_blocks(const std::vector<std::vector<int32_t>>& rows) {
  QuadRows out;
  out.rows = static_cast<int64_t>(rows.size());
  out.indptr.push_back(0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); i++) {
      out.columns.push_back(static_cast<int32_t>(3 * i));
      out.values.push_back(row[i]);
    }
    out.indptr.push_back(static_cast<int64_t>(out.values.size()));
  }
  out.cols = 1000;
  return out;
}

int32_t block(int a, int b, int c, int d) {
  uint32_t bits = 0;
  for (const int w : {d, c, b, a}) bits = bits << 8 | (static_cast<uint32_t>(w) & 0xff);
  return static_cast<int32_t>(bits);
}

TEST(QuadRows, SplitPairs) {
  QuadRows rows = of_blocks({{block(127, 1, -64, -64), block(127, 2, 0, 0), block(127, -127, 3, 4)},
                             {},
                             {block(-127, -127, 127, 127), block(1, 2, 100, 29)}});
  split_pairs(128, &rows);
  EXPECT_EQ(rows.indptr, (std::vector<int64_t>{0, 4, 4, 8}));
  EXPECT_EQ(rows.columns, (std::vector<int32_t>{0, 3, 3, 6, 0, 0, 3, 3}));
  EXPECT_EQ(rows.values, (std::vector<int32_t>{block(127, 1, -64, -64), block(127, 1, 0, 0),
                                               block(0, 1, 0, 0), block(127, -127, 3, 4),
                                               block(-127, -1, 127, 1), block(0, -126, 0, 126),
                                               block(1, 2, 100, 28), block(0, 0, 0, 1)}));
}

TEST(QuadRows, SplitPairsOfRandomBlocks) {
  std::mt19937 rng(5);
  std::uniform_int_distribution<int> any(-127, 127);
  std::vector<std::vector<int32_t>> before(1);
  for (int i = 0; i < 2000; i++) {
    before[0].push_back(block(any(rng), any(rng), any(rng), any(rng)));
  }
  QuadRows rows = of_blocks(before);
  split_pairs(128, &rows);
  EXPECT_GT(rows.values.size(), before[0].size());
  std::vector<std::vector<int>> sums(before[0].size(), std::vector<int>(4, 0));
  for (size_t i = 0; i < rows.values.size(); i++) {
    int w[4];
    for (int at = 0; at < 4; at++) {
      w[at] = weight_of(rows.values[i], at);
      sums[rows.columns[i] / 3][at] += w[at];
    }
    EXPECT_TRUE(w[0] * w[1] <= 0 || std::abs(w[0] + w[1]) <= 128) << w[0] << " " << w[1];
    EXPECT_TRUE(w[2] * w[3] <= 0 || std::abs(w[2] + w[3]) <= 128) << w[2] << " " << w[3];
  }
  for (size_t i = 0; i < sums.size(); i++) {
    for (int at = 0; at < 4; at++) EXPECT_EQ(sums[i][at], weight_of(before[0][i], at));
  }
}

TEST(QuadRows, NoBoundSplitsNothing) {
  QuadRows rows = of_blocks({{block(127, 127, -127, -127)}});
  split_pairs(254, &rows);
  EXPECT_EQ(rows.values, (std::vector<int32_t>{block(127, 127, -127, -127)}));
}

}  // namespace
}  // namespace secateur
