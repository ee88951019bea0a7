// How much memory this process may come to use.
#pragma once

#include <cstdint>
#include <string>

namespace secateur {

// Bytes: the machine's memory, what the process's control group may use (a container, a service
// with MemoryMax), or its limit of address space (ulimit -v), whichever is least. Not what is free
// now. UINT64_MAX where the system does not tell.
uint64_t usable_memory();

// The least limit of the control groups that `listing` (the text of /proc/self/cgroup) names, and
// of those around them, below `mount` (/sys/fs/cgroup): versions 1 and 2. UINT64_MAX: none.
uint64_t cgroup_memory(const std::string& listing, const std::string& mount);

}  // namespace secateur
