#include "base/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace secateur {
namespace {

TEST(UsableMemory, IsNoMoreThanTheMachineHasOrTheProcessMayMap) {
  const uint64_t machine =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  EXPECT_LE(usable_memory(), machine);
  EXPECT_GT(usable_memory(), uint64_t{1} << 20);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit few{300 << 20, 300 << 20};
    rlimit kept{};
    if (setrlimit(RLIMIT_AS, &few) != 0 || getrlimit(RLIMIT_AS, &kept) != 0) _exit(3);
    if (kept.rlim_cur != few.rlim_cur) _exit(2);
    _exit(usable_memory() <= few.rlim_cur ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "this system, an emulator, keeps no RLIMIT_AS";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace secateur
