#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
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

// More threads than the machine has cores come late to many runs, and find the next one's tasks.
TEST(ThreadPool, AThreadThatComesLateTakesPartInTheRunOfThen) {
  ThreadPool pool(8);
  for (int64_t round = 0; round < 3000; round++) {
    const int64_t tasks = 2 + round % 13;
    std::vector<int64_t> of_round(tasks, -1);
    pool.parallel_for(tasks, [&of_round, round](int64_t i, int) { of_round[i] += round + 1; });
    for (int64_t i = 0; i < tasks; i++) ASSERT_EQ(of_round[i], round) << i;
  }
}

// Each thread begins where its own run of tasks does: as soon as both have begun, whatever the
// system's scheduling, these are tasks 0 and 5. (In a pool that has been used, the second may still
// look for what the first has left of the run before, and find a task of this one.)
TEST(ThreadPool, AThreadBeginsWithItsOwnTasks) {
  for (int round = 0; round < 50; round++) {
    ThreadPool pool(2);
    if (pool.threads() < 2) GTEST_SKIP() << "the system gave one thread";
    std::atomic<int> begun{0};
    std::vector<int64_t> first(2, -1);
    pool.parallel_for(10, [&](int64_t task, int thread) {
      if (first[thread] >= 0) return;
      first[thread] = task;
      begun.fetch_add(1);
      while (begun.load() < 2) std::this_thread::yield();
    });
    EXPECT_EQ(first[0], 0);
    EXPECT_EQ(first[1], 5);
  }
}

// The second thread is held in its first task until all others are done, its own included.
TEST(ThreadPool, ThreadsTakeWhatOthersHaveNotBegun) {
  ThreadPool pool(2);
  if (pool.threads() < 2) GTEST_SKIP() << "the system gave one thread";
  for (int round = 0; round < 50; round++) {
    std::atomic<int> begun{0}, done{0};
    std::vector<int> by(100, -1);
    pool.parallel_for(100, [&](int64_t task, int thread) {
      by[task] = thread;
      if (task == 0 || task == 50) {
        begun.fetch_add(1);
        while (begun.load() < 2) std::this_thread::yield();
      }
      while (task == 50 && done.load() < 99) std::this_thread::yield();
      done.fetch_add(1);
    });
    EXPECT_EQ(by[50], 1);
    EXPECT_EQ(by[99], 0);
    EXPECT_EQ(done.load(), 100);
  }
}

}  // namespace
}  // namespace secateur
