#include "base/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <filesystem>
#include <fstream>

#include "base/thread_pool.h"
#include "platform/cpu.h"

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
  for (const int asked : {cpus + 1, INT_MAX}) EXPECT_EQ(threads_for(asked), cpus) << asked;
  const int fast = fast_among(platform::cpu_capacities());
  EXPECT_EQ(threads_for(0), fast > 0 ? std::min(fast, cpus) : cpus);
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

TEST(FastCpus, AreThoseBeyondHalfOfTheGreatest) {
  EXPECT_EQ(fast_among({}), 0);
  EXPECT_EQ(fast_among({1024}), 1);
  EXPECT_EQ(fast_among({1024, 1024, 1024, 1024}), 4);                   // Raspberry Pi 4
  EXPECT_EQ(fast_among({485, 485, 485, 485, 1024, 1024}), 2);           // 4 + 2
  EXPECT_EQ(fast_among({250, 250, 250, 768, 768, 768, 768, 1024}), 5);  // 3 + 4 + 1
  EXPECT_EQ(fast_among({2, 2, 1, 1}), 2);
  EXPECT_EQ(fast_among({512, 1024}), 1);
  EXPECT_EQ(fast_among({513, 1024}), 2);
  EXPECT_EQ(fast_among({400}), 1);  // all that are left to this process
}

// As Linux tells them, for the CPUs of this process alone.
TEST(FastCpus, AreReadFromTheSystem) {
  char name[] = "/tmp/secateur_test_XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::string root = name;
  EXPECT_TRUE(platform::cpu_capacities(root.c_str()).empty());
  std::vector<int64_t> expected;
  for (const int cpu : platform::allowed_cpus()) {
    const std::string folder = root + "/cpu" + std::to_string(cpu);
    std::filesystem::create_directory(folder);
    expected.push_back(100 + 7 * cpu);
    std::ofstream(folder + "/cpu_capacity") << expected.back() << '\n';
  }
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(platform::cpu_capacities(root.c_str()), expected);
  const std::string last = std::to_string(platform::allowed_cpus().back());
  std::ofstream(root + "/cpu" + last + "/cpu_capacity") << "nonsense\n";
  EXPECT_TRUE(platform::cpu_capacities(root.c_str()).empty());
  std::filesystem::remove_all(root);
}

TEST(Cpus, AListIsReadOrSaidToBeNone) {
  const std::vector<int> allowed = platform::allowed_cpus();
  ASSERT_FALSE(allowed.empty());
  const std::string first = std::to_string(allowed[0]);
  std::vector<int> cpus;
  for (const std::string& list : {first, first + "," + first, first + "-" + first}) {
    EXPECT_TRUE(parse_cpus(list, &cpus).ok()) << list;
    EXPECT_EQ(cpus, std::vector<int>{allowed[0]}) << list;
  }
  std::string all;
  for (const int cpu : allowed) all = std::to_string(cpu) + (all.empty() ? "" : ",") + all;
  EXPECT_TRUE(parse_cpus(all, &cpus).ok()) << all;  // in descending order
  EXPECT_EQ(cpus, allowed);
  cpus = {77};
  for (const std::string list : {"", ",", "-", "a", "-1", "0x1", "0--1", "+1", " 0"}) {
    const Status status = parse_cpus(list, &cpus);
    EXPECT_EQ(status.code(), StatusCode::invalid_argument) << list;
    EXPECT_NE(status.message().find("'" + list + "' is no list"), std::string::npos)
        << status.message();
  }
  for (const char* after : {"-", ",", " ", ".5", ",,", "-a", "-9-9"}) {
    const std::string list = first + after;
    EXPECT_EQ(parse_cpus(list, &cpus).code(), StatusCode::invalid_argument) << list;
  }
  const std::string beyond = std::to_string(allowed.back() + 1);
  for (const std::string& list : {beyond, first + "," + beyond, beyond + "-999999"}) {
    const Status status = parse_cpus(list, &cpus);
    EXPECT_EQ(status.code(), StatusCode::invalid_argument) << list;
    EXPECT_NE(status.message().find("CPU " + beyond + " "), std::string::npos) << status.message();
  }
  EXPECT_EQ(parse_cpus("99999999999", &cpus).code(), StatusCode::invalid_argument);
  EXPECT_EQ(cpus, std::vector<int>{77});
}

TEST(Cpus, ThreadsAreNoMoreThanThese) {
  const std::string first = std::to_string(platform::allowed_cpus()[0]);
  std::vector<int> cpus;
  int threads = 0;
  for (const int asked : {0, 1, 5}) {
    EXPECT_TRUE(threads_on(asked, first, &threads, &cpus).ok());
    EXPECT_EQ(threads, 1);
    EXPECT_EQ(cpus.size(), 1u);
    EXPECT_TRUE(threads_on(asked, "", &threads, &cpus).ok());
    EXPECT_EQ(threads, asked);
    EXPECT_TRUE(cpus.empty());
  }
}

TEST(Cpus, ThreadsStartWhereTheirMakerIs) {
  const std::vector<int> allowed = platform::allowed_cpus();
  const int last = allowed.back();
  std::vector<int> of_worker[2];
  {
    const platform::OnCpus there({last});
    if (!there.ok()) GTEST_SKIP() << "this system lets nobody set an affinity";
    EXPECT_EQ(platform::allowed_cpus(), std::vector<int>{last});
    ThreadPool pool(2);
    ASSERT_EQ(pool.threads(), 2);
    // Each takes one: neither comes back before both are there.
    std::atomic<int> come{0};
    pool.parallel_for(2, [&](int64_t task, int) {
      of_worker[task] = platform::allowed_cpus();
      come++;
      while (come < 2) sched_yield();
    });
  }
  EXPECT_EQ(platform::allowed_cpus(), allowed);
  for (const auto& cpus : of_worker) EXPECT_EQ(cpus, std::vector<int>{last});
  if (last < 1023) {
    EXPECT_FALSE(platform::OnCpus({1023}).ok());
  }
  EXPECT_EQ(platform::allowed_cpus(), allowed);
}

}  // namespace
}  // namespace secateur
