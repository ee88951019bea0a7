#include "base/cgroup.h"

#include <algorithm>
#include <cstdlib>

#include "platform/files.h"

namespace secateur {
namespace {

constexpr char kMount[] = "/sys/fs/cgroup";

std::string contents(const std::string& path) { return platform::small_file(path.c_str()); }

// The number at the start, and where it ends; UINT64_MAX for "max", "-1" and what else is none.
uint64_t number_in(const std::string& text, size_t* end = nullptr) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return UINT64_MAX;
  char* after = nullptr;
  const uint64_t number = std::strtoull(text.c_str(), &after, 10);
  if (end) *end = static_cast<size_t>(after - text.c_str());
  return number;
}

uint64_t in_periods(uint64_t quota, uint64_t period) {
  if (quota == UINT64_MAX || period == UINT64_MAX || period == 0) return UINT64_MAX;
  return std::max<uint64_t>(quota / period + (quota % period != 0), 1);
}

// Each of one group, whose folder is given.
using ReadLimit = uint64_t (*)(const std::string& group);

uint64_t memory_2(const std::string& group) { return number_in(contents(group + "/memory.max")); }
uint64_t memory_1(const std::string& group) {
  return number_in(contents(group + "/memory.limit_in_bytes"));
}
uint64_t cpus_2(const std::string& group) {  // "quota period", in microseconds
  const std::string text = contents(group + "/cpu.max");
  size_t end = 0;
  const uint64_t quota = number_in(text, &end);
  if (quota == UINT64_MAX) return UINT64_MAX;
  while (end < text.size() && text[end] == ' ') end++;
  return in_periods(quota, number_in(text.substr(end)));
}
uint64_t cpus_1(const std::string& group) {
  return in_periods(number_in(contents(group + "/cpu.cfs_quota_us")),
                    number_in(contents(group + "/cpu.cfs_period_us")));
}

// The limits of a group and of those around it. In a container the listing may name groups that are
// not to be seen there; the outermost is the container's own.
uint64_t least_upwards(const std::string& root, std::string group, ReadLimit limit) {
  uint64_t least = UINT64_MAX;
  while (!group.empty() && group.back() == '/') group.pop_back();
  for (;;) {
    least = std::min(least, limit(root + group));
    if (group.empty()) return least;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

// Lines are "number:controllers:/group"; version 2 has number 0 and names none.
uint64_t least_limit(const std::string& listing, const std::string& mount,
                     const std::string& controller, ReadLimit version_2, ReadLimit version_1) {
  uint64_t least = UINT64_MAX;
  for (size_t begin = 0; begin < listing.size();) {
    const size_t end = std::min(listing.find('\n', begin), listing.size());
    const std::string line = listing.substr(begin, end - begin);
    begin = end + 1;
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (group.find("/..") != std::string::npos) continue;  // outside of what is to be seen
    if (controllers == ",,") {
      least = std::min(least, least_upwards(mount, group, version_2));
    } else if (controllers.find("," + controller + ",") != std::string::npos) {
      least = std::min(least, least_upwards(mount + "/" + controller, group, version_1));
    }
  }
  return least;
}

}  // namespace

uint64_t cgroup_memory(const std::string& listing, const std::string& mount) {
  return least_limit(listing, mount, "memory", memory_2, memory_1);
}

uint64_t cgroup_cpus(const std::string& listing, const std::string& mount) {
  return least_limit(listing, mount, "cpu", cpus_2, cpus_1);
}

uint64_t cgroup_memory() { return cgroup_memory(contents("/proc/self/cgroup"), kMount); }
uint64_t cgroup_cpus() { return cgroup_cpus(contents("/proc/self/cgroup"), kMount); }

}  // namespace secateur
