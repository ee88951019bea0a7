// Which block of columns a channel goes to, where NEON reads planes in place: blocks are equally
// large, and the lines of each lie evenly in the sets of a first-level cache.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "ops/conv/cost.h"

namespace secateur {
namespace {

constexpr int kSets = 256;

// The most lines of one block that meet in one set.
int deepest(const std::vector<int32_t>& block_of, int blocks, int plane_lines, int tile_lines) {
  std::vector<int> lines(static_cast<size_t>(blocks) * kSets);
  for (size_t c = 0; c < block_of.size(); c++) {
    for (int i = 0; i < tile_lines; i++) {
      lines[block_of[c] * kSets + (static_cast<int>(c) * plane_lines + i) % kSets]++;
    }
  }
  return *std::max_element(lines.begin(), lines.end());
}

TEST(SpreadChannels, AWayFullOfLinesTakesEachSetOnce) {
  struct Shape {
    int channels, blocks, plane_lines, tile_lines;
  };
  for (const Shape& s : {Shape{512, 4, 13, 2}, Shape{256, 2, 49, 2}, Shape{1024, 16, 5, 4}}) {
    const std::vector<int32_t> block_of = spread_channels(s.channels, s.plane_lines, s.blocks);
    EXPECT_EQ(deepest(block_of, s.blocks, s.plane_lines, s.tile_lines), 1) << s.channels;
  }
}

TEST(SpreadChannels, BlocksAreOfOneSizeOrOneMore) {
  for (int channels : {1, 2, 7, 64, 300, 1021}) {
    for (int blocks : {1, 2, 3, 7, 37}) {
      if (blocks > channels) continue;
      for (int plane_lines : {1, 5, 197, 785}) {
        const std::vector<int32_t> block_of = spread_channels(channels, plane_lines, blocks);
        ASSERT_EQ(block_of.size(), static_cast<size_t>(channels));
        for (int32_t b = 0; b < blocks; b++) {
          const auto size = std::count(block_of.begin(), block_of.end(), b);
          EXPECT_EQ(size, channels / blocks + (b < channels % blocks));
        }
      }
    }
  }
}

}  // namespace
}  // namespace secateur
