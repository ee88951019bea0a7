// Limits of control groups: a container's, or a service's.
#pragma once

#include <cstdint>
#include <string>

namespace secateur {

// The least limit of the control groups that `listing` (the text of /proc/self/cgroup) names, and
// of those around them, below `mount` (/sys/fs/cgroup): versions 1 and 2. UINT64_MAX: none.
uint64_t cgroup_memory(const std::string& listing, const std::string& mount);  // bytes
uint64_t cgroup_cpus(const std::string& listing, const std::string& mount);    // rounded up

// The same of this process.
uint64_t cgroup_memory();
uint64_t cgroup_cpus();

}  // namespace secateur
