// macOS and iOS: sysctl (Apple, "Determining Instruction Set Characteristics").
#include "platform/cpu.h"

#include <sys/sysctl.h>
#include <sys/types.h>
#include <unistd.h>

namespace secateur::platform {
namespace {

// A number by its name; 0 where there is none of that name.
int64_t number(const char* name) {
  int64_t value = 0;  // 32-bit ones fill the lower half
  size_t bytes = sizeof value;
  return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

int usable_cpus() {  // threads have no affinity here
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int>(online) : 1;
}

std::vector<int> allowed_cpus() { return {}; }
OnCpus::OnCpus(const std::vector<int>& cpus) : ok_(cpus.empty()) {}
OnCpus::~OnCpus() = default;

// Cores come in two kinds, and macOS tells how many there are of each, not how fast they are: 2 and
// 1 stand for that.
std::vector<int64_t> cpu_capacities(const char*) {
  const int64_t fast = number("hw.perflevel0.logicalcpu"),
                slow = number("hw.perflevel1.logicalcpu");
  std::vector<int64_t> all(static_cast<size_t>(fast > 0 ? fast : 0), 2);
  all.resize(all.size() + static_cast<size_t>(slow > 0 ? slow : 0), 1);
  return all;
}

// Of the faster cores, where there are two kinds.
int64_t l1_data_bytes() {
  const int64_t fast = number("hw.perflevel0.l1dcachesize");
  return fast > 0 ? fast : number("hw.l1dcachesize");
}
int64_t l2_bytes() {
  const int64_t fast = number("hw.perflevel0.l2cachesize");
  return fast > 0 ? fast : number("hw.l2cachesize");
}

int64_t l3_bytes() { return number("hw.l3cachesize"); }

ArmExtensions arm_extensions() {
  ArmExtensions have;
#if defined(__aarch64__)
  have.neon = true;
  have.fp16 = number("hw.optional.arm.FEAT_FP16") != 0;
  have.dot = number("hw.optional.arm.FEAT_DotProd") != 0;
  have.i8mm = number("hw.optional.arm.FEAT_I8MM") != 0;
#endif
  return have;
}

long configured_cpus() { return 0; }  // all are of one maker, see midr()

unsigned long midr() {
#if defined(__aarch64__)
  return 0x61ul << 24;  // Apple's implementer code
#else
  return 0;
#endif
}
unsigned long midr_of(long) { return 0; }

}  // namespace secateur::platform
