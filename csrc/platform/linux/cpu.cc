// Linux with any C library, Android included.
#include "platform/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "platform/files.h"

#if defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>
#endif

namespace secateur::platform {

int usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int count = CPU_COUNT(&set);
    if (count > 0) return count;
  }
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  }
  return cpus;
}

// Linux, Documentation/devicetree/bindings/arm/cpu-capacity.txt: of 1024, at its highest clock.
std::vector<int64_t> cpu_capacities(const char* root) {
  std::vector<int64_t> all;
  for (const int cpu : allowed_cpus()) {
    const std::string path = std::string(root) + "/cpu" + std::to_string(cpu) + "/cpu_capacity";
    const long capacity = std::strtol(small_file(path.c_str()).c_str(), nullptr, 10);
    if (capacity <= 0) return {};
    all.push_back(capacity);
  }
  return all;
}

namespace {

bool run_on(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace

OnCpus::OnCpus(const std::vector<int>& cpus) {
  if (cpus.empty()) return;
  before_ = allowed_cpus();
  ok_ = run_on(cpus);
}

OnCpus::~OnCpus() {
  if (!before_.empty()) run_on(before_);
}

// musl and Android do not know these names; glibc answers 0 on most Arm systems.
int64_t l1_data_bytes() {
#ifdef _SC_LEVEL1_DCACHE_SIZE
  return sysconf(_SC_LEVEL1_DCACHE_SIZE);
#else
  return 0;
#endif
}
int64_t l2_bytes() {
#ifdef _SC_LEVEL2_CACHE_SIZE
  return sysconf(_SC_LEVEL2_CACHE_SIZE);
#else
  return 0;
#endif
}

int64_t l3_bytes() {
#ifdef _SC_LEVEL3_CACHE_SIZE
  return sysconf(_SC_LEVEL3_CACHE_SIZE);
#else
  return 0;
#endif
}

// The auxiliary vector (Linux, Documentation/arch/arm64/elf_hwcaps.rst and
// arch/arm/include/uapi/asm/hwcap.h).
ArmExtensions arm_extensions() {
  ArmExtensions have;
#if defined(__aarch64__)
  constexpr unsigned long kFphp = 1ul << 9, kAsimdhp = 1ul << 10, kAsimddp = 1ul << 20;
  constexpr unsigned long kI8mm = 1ul << 13;  // of the second word
  const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  have.neon = true;
  have.fp16 = (first & kFphp) && (first & kAsimdhp);
  have.dot = first & kAsimddp;
  have.i8mm = second & kI8mm;
#elif defined(__arm__)
  constexpr unsigned long kNeon = 1ul << 12, kVfpv4 = 1ul << 16;
  const unsigned long first = getauxval(AT_HWCAP);
  have.neon = (first & kNeon) && (first & kVfpv4);
#endif
  return have;
}

long configured_cpus() { return sysconf(_SC_NPROCESSORS_CONF); }

#if defined(__aarch64__)
// Linux answers this instruction for user programs (HWCAP_CPUID), for the core that executes it.
unsigned long midr() {
  constexpr unsigned long kHwcapCpuid = 1ul << 11;
  if (!(getauxval(AT_HWCAP) & kHwcapCpuid)) return 0;
  unsigned long midr;
  asm("mrs %0, MIDR_EL1" : "=r"(midr));
  return midr;
}

unsigned long midr_of(long index) {  // "0x00000000410fd034\n"
  const std::string path =
      "/sys/devices/system/cpu/cpu" + std::to_string(index) + "/regs/identification/midr_el1";
  return std::strtoul(small_file(path.c_str()).c_str(), nullptr, 16);
}
#else
unsigned long midr() { return 0; }
unsigned long midr_of(long) { return 0; }
#endif

}  // namespace secateur::platform
