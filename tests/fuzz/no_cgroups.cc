// In place of secateur::cgroup_memory() and cgroup_cpus(), which read files at every call, in the
// fuzzer alone (--wrap, tests/fuzz/CMakeLists.txt). base/cgroup_test.cc tests what they read.
#include <cstdint>

extern "C" {
uint64_t __wrap__ZN8secateur13cgroup_memoryEv() { return UINT64_MAX; }
uint64_t __wrap__ZN8secateur11cgroup_cpusEv() { return UINT64_MAX; }
}
