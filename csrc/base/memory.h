// How much memory this process may come to use.
#pragma once

#include <cstdint>

namespace secateur {

// Bytes: the machine's memory, what the process's control group may use (a container, a service
// with MemoryMax), or its limit of address space (ulimit -v), whichever is least. Not what is free
// now. UINT64_MAX where the system does not tell.
uint64_t usable_memory();

}  // namespace secateur
