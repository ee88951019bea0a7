#include "base/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>

namespace secateur {
namespace {

int threads_for(int asked) {
  int threads = -1;
  EXPECT_TRUE(usable_threads(asked, &threads).ok()) << asked;
  return threads;
}

TEST(UsableThreads, ZeroIsAllAndMoreThanAllIsAll) {
  const int cpus = available_cpus();
  ASSERT_GE(cpus, 1);
  EXPECT_EQ(threads_for(1), 1);
  EXPECT_EQ(threads_for(cpus), cpus);
  for (const int asked : {0, cpus + 1, INT_MAX}) EXPECT_EQ(threads_for(asked), cpus) << asked;
  int threads = 7;
  for (const int asked : {-1, INT_MIN}) {
    EXPECT_EQ(usable_threads(asked, &threads).code(), StatusCode::invalid_argument) << asked;
  }
  EXPECT_EQ(threads, 7);
}

TEST(UsableThreads, FollowsTheAffinity) {
  const pid_t child = fork();
  if (child == 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) _exit(2);
    int first = 0;
    while (!CPU_ISSET(first, &set)) first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) _exit(2);
    int threads = 0;
    const bool fine = usable_threads(0, &threads).ok() && threads == 1;
    _exit(fine && usable_threads(8, &threads).ok() && threads == 1 ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "this system lets nobody set an affinity";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace secateur
