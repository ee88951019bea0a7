// Limits of control groups, read from trees of files as the system shows them.
#include "base/cgroup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace secateur {
namespace {

class Cgroup : public ::testing::Test {
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

TEST_F(Cgroup, TheLeastOfAGroupAndThoseAroundIt) {
  write("/app.slice/net.service/memory.max", "max\n");
  write("/app.slice/memory.max", "536870912\n");
  EXPECT_EQ(cgroup_memory("0::/app.slice/net.service\n", mount_), 536870912u);
  write("/app.slice/net.service/memory.max", "268435456\n");
  EXPECT_EQ(cgroup_memory("0::/app.slice/net.service\n", mount_), 268435456u);
  EXPECT_EQ(cgroup_memory("0::/app.slice\n", mount_), 536870912u);
}

TEST_F(Cgroup, AContainersOwnGroupIsTheRoot) {
  write("/memory.max", "104857600\n");
  EXPECT_EQ(cgroup_memory("0::/\n", mount_), 104857600u);
  EXPECT_EQ(cgroup_memory("0::/../sibling\n", mount_), UINT64_MAX);
}

TEST_F(Cgroup, VersionOne) {
  const std::string listing =
      "5:cpu,cpuacct:/\n4:blkio,memory:/docker/abc\n3:memoryless:/x\n0::/\n";
  EXPECT_EQ(cgroup_memory(listing, mount_), UINT64_MAX);
  write("/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(cgroup_memory(listing, mount_), 9223372036854771712u);
  write("/memory/docker/abc/memory.limit_in_bytes", "73400320\n");
  EXPECT_EQ(cgroup_memory(listing, mount_), 73400320u);
}

TEST_F(Cgroup, WhatCannotBeReadIsNoLimit) {
  for (const char* listing : {"", "\n", "nonsense\n", "0:\n", "4:memory:\n", "0::/nowhere"}) {
    EXPECT_EQ(cgroup_memory(listing, mount_), UINT64_MAX) << listing;
  }
}

TEST_F(Cgroup, CpusAreRoundedUp) {
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", mount_), UINT64_MAX);
  write("/a/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", mount_), UINT64_MAX);
  write("/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", mount_), 3u);
  write("/a/b/cpu.max", "1000 100000\n");
  EXPECT_EQ(cgroup_cpus("0::/a/b\n", mount_), 1u);
  EXPECT_EQ(cgroup_cpus("0::/a\n", mount_), 3u);
  for (const char* text : {"", "100", "100 0", "0x", "-1 100000"}) {
    write("/c/cpu.max", text);
    EXPECT_EQ(cgroup_cpus("0::/c\n", mount_), UINT64_MAX) << text;
  }
}

TEST_F(Cgroup, CpusOfVersionOne) {
  const std::string listing = "5:cpu,cpuacct:/docker/abc\n4:cpuset:/x\n";
  EXPECT_EQ(cgroup_cpus(listing, mount_), UINT64_MAX);
  write("/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
  write("/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus(listing, mount_), UINT64_MAX);
  write("/cpu/docker/cpu.cfs_quota_us", "200000\n");
  write("/cpu/docker/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus(listing, mount_), 2u);
}

}  // namespace
}  // namespace secateur
