#include "base/cpu.h"

#include <cstdlib>

#if defined(__aarch64__) && defined(__linux__)
#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <string>
#endif

namespace secateur {
namespace {

#if defined(__aarch64__) && defined(__linux__)
// Linux answers this instruction for user programs (HWCAP_CPUID), for the core that executes it.
unsigned long read_midr() {
  constexpr unsigned long kHwcapCpuid = 1ul << 11;
  if (!(getauxval(AT_HWCAP) & kHwcapCpuid)) return 0;
  unsigned long midr;
  asm("mrs %0, MIDR_EL1" : "=r"(midr));
  return midr;
}

// Of core `index`, or 0 where the system does not say (or the core is switched off).
unsigned long read_midr(long index) {
  const std::string path =
      "/sys/devices/system/cpu/cpu" + std::to_string(index) + "/regs/identification/midr_el1";
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[32] = {};  // "0x00000000410fd034\n"
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  return length > 0 ? std::strtoul(text, nullptr, 16) : 0;
}

Core detect() {
  if (core_of_midr(read_midr()) != Core::in_order) return Core::any;
  const long cores = sysconf(_SC_NPROCESSORS_CONF);
  for (long i = 0; i < cores; i++) {
    const unsigned long midr = read_midr(i);
    if (midr && core_of_midr(midr) != Core::in_order) return Core::any;
  }
  return Core::in_order;
}
#else
Core detect() { return Core::any; }
#endif

}  // namespace

const char* core_name(Core core) { return core == Core::in_order ? "in-order" : "any"; }

bool parse_core(std::string_view name, Core* core) {
  for (Core candidate : {Core::any, Core::in_order}) {
    if (name == core_name(candidate)) {
      *core = candidate;
      return true;
    }
  }
  return false;
}

Core core_of_midr(unsigned long midr) {
  constexpr unsigned long kArm = 0x41, kCortexA53 = 0xd03, kCortexA55 = 0xd05;
  const unsigned long implementer = midr >> 24 & 0xff, part = midr >> 4 & 0xfff;
  const bool in_order = implementer == kArm && (part == kCortexA53 || part == kCortexA55);
  return in_order ? Core::in_order : Core::any;
}

Core this_core() {
  static const Core core = [] {
    Core chosen;
    const char* variable = std::getenv("SECATEUR_CORE");
    return variable && parse_core(variable, &chosen) ? chosen : detect();
  }();
  return core;
}

}  // namespace secateur
