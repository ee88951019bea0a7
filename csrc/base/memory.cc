#include "base/memory.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace secateur {
namespace {

// What stands in a small file; "" when it cannot be read.
std::string contents(const char* path) {
  // Not by fopen, which would bring 50 KB of character sets into a static program.
  char text[4096];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  const ssize_t bytes = read(file, text, sizeof text);
  close(file);
  return bytes > 0 ? std::string(text, static_cast<size_t>(bytes)) : "";
}

// A number, or UINT64_MAX for "max" and what else is none.
uint64_t limit_in(const std::string& path) {
  const std::string text = contents(path.c_str());
  if (text.empty() || text[0] < '0' || text[0] > '9') return UINT64_MAX;
  return std::strtoull(text.c_str(), nullptr, 10);
}

// The limits of a group and of those around it. In a container the listing may name groups that are
// not to be seen there; the outermost is the container's own.
uint64_t least_upwards(const std::string& root, std::string group, const char* file) {
  uint64_t least = UINT64_MAX;
  while (!group.empty() && group.back() == '/') group.pop_back();
  for (;;) {
    least = std::min(least, limit_in(root + group + "/" + file));
    if (group.empty()) return least;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

}  // namespace

// Lines are "number:controllers:/group"; version 2 has number 0 and names none.
uint64_t cgroup_memory(const std::string& listing, const std::string& mount) {
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
      least = std::min(least, least_upwards(mount, group, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, least_upwards(mount + "/memory", group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

uint64_t usable_memory() {
  uint64_t least = UINT64_MAX;
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) least = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
  rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) {
    least = std::min<uint64_t>(least, space.rlim_cur);
  }
  return std::min(least, cgroup_memory(contents("/proc/self/cgroup"), "/sys/fs/cgroup"));
}

}  // namespace secateur
