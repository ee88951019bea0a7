// Limits of control groups, read from trees of files as the system shows them.
#include "base/memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace secateur {
namespace {

class CgroupMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/secateur_test_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    mount_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(mount_); }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = mount_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::string mount_;
};

TEST_F(CgroupMemory, TheLeastOfAGroupAndThoseAroundIt) {
  write("/app.slice/net.service/memory.max", "max\n");
  write("/app.slice/memory.max", "536870912\n");
  EXPECT_EQ(cgroup_memory("0::/app.slice/net.service\n", mount_), 536870912u);
  write("/app.slice/net.service/memory.max", "268435456\n");
  EXPECT_EQ(cgroup_memory("0::/app.slice/net.service\n", mount_), 268435456u);
  EXPECT_EQ(cgroup_memory("0::/app.slice\n", mount_), 536870912u);
}

TEST_F(CgroupMemory, AContainersOwnGroupIsTheRoot) {
  write("/memory.max", "104857600\n");
  EXPECT_EQ(cgroup_memory("0::/\n", mount_), 104857600u);
  EXPECT_EQ(cgroup_memory("0::/../sibling\n", mount_), UINT64_MAX);
}

TEST_F(CgroupMemory, VersionOne) {
  const std::string listing =
      "5:cpu,cpuacct:/\n4:blkio,memory:/docker/abc\n3:memoryless:/x\n0::/\n";
  EXPECT_EQ(cgroup_memory(listing, mount_), UINT64_MAX);
  write("/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(cgroup_memory(listing, mount_), 9223372036854771712u);
  write("/memory/docker/abc/memory.limit_in_bytes", "73400320\n");
  EXPECT_EQ(cgroup_memory(listing, mount_), 73400320u);
}

TEST_F(CgroupMemory, WhatCannotBeReadIsNoLimit) {
  for (const char* listing : {"", "\n", "nonsense\n", "0:\n", "4:memory:\n", "0::/nowhere"}) {
    EXPECT_EQ(cgroup_memory(listing, mount_), UINT64_MAX) << listing;
  }
}

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
