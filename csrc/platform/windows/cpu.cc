#include "platform/cpu.h"

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

namespace secateur::platform {

int usable_cpus() {
  DWORD_PTR process = 0, system = 0;
  if (!GetProcessAffinityMask(GetCurrentProcess(), &process, &system)) return 1;
  int count = 0;
  for (; process != 0; process &= process - 1) count++;
  return count > 0 ? count : 1;
}

std::vector<int> allowed_cpus() { return {}; }
OnCpus::OnCpus(const std::vector<int>& cpus) : ok_(cpus.empty()) {}
OnCpus::~OnCpus() = default;
std::vector<int64_t> cpu_capacities(const char*) { return {}; }

int64_t l1_data_bytes() { return 0; }
int64_t l2_bytes() { return 0; }
int64_t l3_bytes() { return 0; }

ArmExtensions arm_extensions() {
  ArmExtensions have;
#if defined(__aarch64__)
  constexpr DWORD kDotProduct = 43;  // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE
  have.neon = true;
  have.dot = IsProcessorFeaturePresent(kDotProduct);
  have.fp16 = have.dot;  // every core with dot products has it
#endif
  return have;
}

long configured_cpus() { return 0; }
unsigned long midr() { return 0; }
unsigned long midr_of(long) { return 0; }

}  // namespace secateur::platform
