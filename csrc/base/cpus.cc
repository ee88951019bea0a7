#include "base/cpus.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "base/cgroup.h"
#include "base/text.h"

namespace secateur {
namespace {

int cpus_by_affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

}  // namespace

int available_cpus() {
  const int cpus = cpus_by_affinity();
  return static_cast<int>(std::min<uint64_t>(static_cast<uint64_t>(cpus), cgroup_cpus()));
}

Status usable_threads(int asked, int* threads) {
  if (asked < 0) {
    return {StatusCode::invalid_argument,
            text(asked, " threads: give a number of them, or 0 for one on each CPU")};
  }
  const int cpus = available_cpus();
  *threads = asked == 0 ? cpus : std::min(asked, cpus);
  return {};
}

}  // namespace secateur
