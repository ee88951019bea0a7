// WebAssembly System Interface: one thread, and nothing is said of the machine.
#include "platform/cpu.h"

namespace secateur::platform {

int usable_cpus() { return 1; }
std::vector<int> allowed_cpus() { return {}; }
OnCpus::OnCpus(const std::vector<int>& cpus) : ok_(cpus.empty()) {}
OnCpus::~OnCpus() = default;
std::vector<int64_t> cpu_capacities(const char*) { return {}; }

int64_t l1_data_bytes() { return 0; }
int64_t l2_bytes() { return 0; }
int64_t l3_bytes() { return 0; }
ArmExtensions arm_extensions() { return {}; }
long configured_cpus() { return 0; }
unsigned long midr() { return 0; }
unsigned long midr_of(long) { return 0; }

}  // namespace secateur::platform
