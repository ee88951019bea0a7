#include "base/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "base/cgroup.h"

namespace secateur {

uint64_t usable_memory() {
  uint64_t least = UINT64_MAX;
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) least = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
  rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) {
    least = std::min<uint64_t>(least, space.rlim_cur);
  }
  return std::min(least, cgroup_memory());
}

}  // namespace secateur
