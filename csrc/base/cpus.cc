#include "base/cpus.h"

#include <algorithm>

#include "base/cgroup.h"
#include "base/text.h"
#include "platform/cpu.h"

namespace secateur {

int available_cpus() {
  const int cpus = platform::usable_cpus();
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
