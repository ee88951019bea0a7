#include "base/memory.h"

#include <algorithm>

#include "base/cgroup.h"
#include "platform/memory.h"

namespace secateur {

uint64_t usable_memory() {
  const uint64_t mapped = std::min(platform::physical_memory(), platform::address_space_limit());
  return std::min(mapped, cgroup_memory());
}

}  // namespace secateur
