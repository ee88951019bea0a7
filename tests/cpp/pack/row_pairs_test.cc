// Which rows go in pairs: every row once, columns in common counted as a set intersection counts
// them, and no pair left that is worth more.
#include "pack/row_pairs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <vector>

namespace secateur {
namespace {

struct Rows {
  std::vector<std::vector<int32_t>> columns;

  std::vector<RowColumns> listed() const {
    std::vector<RowColumns> rows;
    for (size_t i = 0; i < columns.size(); i++) {
      rows.push_back({static_cast<int32_t>(100 + i), static_cast<int32_t>(columns[i].size()),
                      columns[i].data()});
    }
    return rows;
  }
  int32_t in_common(int32_t a, int32_t b) const {
    std::vector<int32_t> both;
    std::set_intersection(columns[a].begin(), columns[a].end(), columns[b].begin(),
                          columns[b].end(), std::back_inserter(both));
    return static_cast<int32_t>(both.size());
  }
};

Rows random_rows(int rows, int first, int width, double density, unsigned seed) {
  std::mt19937 rng(seed);
  std::bernoulli_distribution there(density);
  Rows out;
  out.columns.resize(rows);
  for (auto& row : out.columns) {
    for (int c = first; c < first + width; c++) {
      if (there(rng)) row.push_back(c);
    }
  }
  return out;
}

std::vector<RowPair> match(const Rows& rows, int32_t first_column, int32_t end_column) {
  std::vector<RowPair> pairs;
  match_rows(rows.listed(), first_column, end_column, &pairs);
  return pairs;
}

TEST(RowPairs, EveryRowOnceAndColumnsInCommonExact) {
  for (double density : {0.0, 0.05, 0.1, 0.3, 0.9}) {
    for (int count : {0, 1, 2, 3, 16, 63, 64}) {
      const Rows rows = random_rows(count, 7, 256, density, 3);
      std::multiset<int32_t> seen;
      for (const RowPair& pair : match(rows, 7, 7 + 256)) {
        seen.insert(pair.a);
        if (pair.b < 0) continue;
        seen.insert(pair.b);
        EXPECT_EQ(pair.in_common, rows.in_common(pair.a, pair.b));
        EXPECT_GE(rows.columns[pair.a].size(), rows.columns[pair.b].size());
      }
      EXPECT_EQ(seen.size(), static_cast<size_t>(count));
      for (int i = 0; i < count; i++) EXPECT_EQ(seen.count(i), 1u) << i;
    }
  }
}

TEST(RowPairs, FindsTwins) {
  Rows rows = random_rows(20, 0, 200, 0.1, 5);
  std::vector<std::vector<int32_t>> twins = rows.columns;
  std::reverse(twins.begin(), twins.end());
  rows.columns.insert(rows.columns.end(), twins.begin(), twins.end());
  for (const RowPair& pair : match(rows, 0, 200)) {
    ASSERT_GE(pair.b, 0);
    EXPECT_EQ(rows.columns[pair.a], rows.columns[pair.b]);
  }
}

TEST(RowPairs, SharesMoreThanTwiceWhatNeighboursDo) {
  const Rows rows = random_rows(64, 0, 128, 0.1, 1);
  int32_t matched = 0, neighbours = 0;
  for (const RowPair& pair : match(rows, 0, 128)) matched += pair.in_common;
  for (int32_t i = 0; i < 64; i += 2) neighbours += rows.in_common(i, i + 1);
  EXPECT_GT(matched, 2 * neighbours);
}

TEST(RowPairs, TheLongestTakesTheBestFirst) {
  const Rows rows = random_rows(64, 0, 128, 0.1, 9);
  std::vector<RowPair> pairs = match(rows, 0, 128);
  const RowPair first = pairs.front();
  const auto gain = [&](int32_t other) {
    return 2 * rows.in_common(first.a, other) -
           static_cast<int32_t>(rows.columns[first.a].size() - rows.columns[other].size());
  };
  for (int32_t i = 0; i < 64; i++) {
    EXPECT_GE(rows.columns[first.a].size(), rows.columns[i].size());
    if (i == first.a) continue;
    EXPECT_GE(gain(first.b), gain(i)) << i;
  }
}

TEST(RowPairs, ARowMuchLongerThanAllStaysAlone) {
  Rows rows = random_rows(2, 0, 64, 0.1, 2);
  rows.columns[0] = {1};
  rows.columns[1].clear();
  for (int32_t c = 0; c < 40; c++) rows.columns[1].push_back(c);
  const std::vector<RowPair> pairs = match(rows, 0, 64);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_LT(pairs[0].b, 0);
  EXPECT_LT(pairs[1].b, 0);
}

TEST(RowPairs, SectionsLeaveEnoughRowsToChooseFrom) {
  for (int64_t rows : {1, 24, 79, 80, 160, 512, 960, 2048}) {
    const int64_t sections = pair_sections(rows);
    EXPECT_GE(sections, 1);
    EXPECT_GE(rows / sections, std::min<int64_t>(rows, 40)) << rows;
    EXPECT_LT(rows / sections, 80) << rows;
  }
}

}  // namespace
}  // namespace secateur
