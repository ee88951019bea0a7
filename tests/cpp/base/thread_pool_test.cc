#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace secateur {
namespace {

TEST(ThreadPool, RunsEachTaskOnceAndReturnsWhenAllAreDone) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> seen(tasks);
      for (int round = 0; round < 20; round++) {
        pool.parallel_for(tasks, [&](int64_t task, int thread) {
          ASSERT_GE(thread, 0);
          ASSERT_LT(thread, pool.threads());
          seen[task].fetch_add(1);
        });
        for (int64_t i = 0; i < tasks; i++) ASSERT_EQ(seen[i].load(), round + 1) << i;
      }
    }
  }
}

TEST(ThreadPool, MakesResultsVisibleToTheCaller) {
  ThreadPool pool(4);
  std::vector<int64_t> squares(257);
  for (int round = 0; round < 200; round++) {
    pool.parallel_for(257, [&](int64_t i, int) { squares[i] = i * i + round; });
    for (int64_t i = 0; i < 257; i++) ASSERT_EQ(squares[i], i * i + round);
  }
}

}  // namespace
}  // namespace secateur
