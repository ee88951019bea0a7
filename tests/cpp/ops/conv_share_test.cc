// How threads share a convolution: every row of every unit once, and as much for each thread.
#include <gtest/gtest.h>

#include <vector>

#include "ops/conv/conv.h"
#include "ops/conv/share.h"

namespace secateur {
namespace {

ConvDesc layer(int channels, int size, int rows, int threads) {
  ConvDesc d;
  d.x = make_planes(1, channels, size, size);
  d.y = make_planes(1, rows, size, size);
  d.weight.rows = rows;
  d.weight.cols = channels;
  d.threads = threads;
  return d;
}

TEST(ConvShare, CoversEveryPartOfEveryUnitOnceAndEvenly) {
  for (int threads : {1, 2, 3, 4, 7}) {
    for (int64_t units : {1, 2, 3, 4, 5, 7, 8, 25, 49, 131, 1000}) {
      for (double density : {0.1, 1.0}) {
        const ConvShare share = share_conv(layer(64, 14, 256, threads), density, units);
        SCOPED_TRACE(std::to_string(units) + " units, " + std::to_string(threads) + " threads");
        std::vector<int> covered(static_cast<size_t>(units * share.parts), 0);
        std::vector<int64_t> work(static_cast<size_t>(threads), 0);
        const int64_t tasks = share.tasks();
        for (int64_t i = 0; i < tasks; i++) {
          const ConvTask task = share.task(i);
          ASSERT_GE(task.part_begin, 0);
          ASSERT_LE(task.part_end, share.parts);
          for (int part = task.part_begin; part < task.part_end; part++) {
            covered[static_cast<size_t>(task.unit * share.parts + part)]++;
            if (share.parts == threads) work[static_cast<size_t>(i * threads / tasks)]++;
          }
        }
        for (const int times : covered) EXPECT_EQ(times, 1);
        for (const int64_t w : work) EXPECT_EQ(w, work[0]);
      }
    }
  }
}

TEST(ConvShare, CutsOnlyWhatDoesNotDivide) {
  const ConvShare even = share_conv(layer(64, 56, 64, 2), 0.1, 24);
  EXPECT_EQ(even.parts, 1);
  EXPECT_EQ(even.tasks(), 24);
  const ConvShare odd = share_conv(layer(64, 56, 64, 2), 0.1, 25);
  EXPECT_EQ(odd.whole, 24);
  EXPECT_EQ(odd.tasks(), 26);
  // Between what each thread computes whole.
  const ConvShare three = share_conv(layer(64, 14, 256, 2), 0.1, 3);
  ASSERT_EQ(three.tasks(), 4);
  EXPECT_EQ(three.task(0).unit, 0);
  EXPECT_EQ(three.task(1).unit, 1);
  EXPECT_EQ(three.task(2).unit, 2);
  EXPECT_EQ(three.task(3).unit, 1);
  EXPECT_EQ(three.task(1).part_begin, 0);
  EXPECT_EQ(three.task(3).part_begin, 1);
  // A weight larger than the input: by rows, though the units divide.
  const ConvShare heavy = share_conv(layer(512, 7, 2048, 2), 0.5, 2);
  EXPECT_EQ(heavy.whole, 0);
  EXPECT_EQ(heavy.parts, 2);
  // No more parts than rows.
  EXPECT_EQ(share_conv(layer(64, 7, 3, 4), 0.1, 1).parts, 3);
  EXPECT_EQ(share_conv(layer(64, 7, 1, 4), 0.1, 1).parts, 1);
}

}  // namespace
}  // namespace secateur
