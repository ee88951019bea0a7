#include "base/cpu.h"

#include <cstdlib>

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstring>
#endif

#include "base/text.h"
#include "platform/cpu.h"

namespace secateur {
namespace {

int speed(Core core) { return core == Core::wide ? 2 : core == Core::any ? 1 : 0; }

// The main ID register of the first of the fastest cores.
unsigned long fastest_midr() {
  unsigned long fastest = platform::midr();
  const long cores = platform::configured_cpus();
  for (long i = 0; i < cores && core_of_midr(fastest) != Core::wide; i++) {
    const unsigned long midr = platform::midr_of(i);
    if (midr && speed(core_of_midr(midr)) > speed(core_of_midr(fastest))) fastest = midr;
  }
  return fastest;
}

Core detect() { return core_of_midr(fastest_midr()); }

}  // namespace

const char* core_name(Core core) {
  return core == Core::in_order ? "in-order" : core == Core::wide ? "wide" : "any";
}

bool parse_core(std::string_view name, Core* core) {
  for (Core candidate : kAllCores) {
    if (name == core_name(candidate)) {
      *core = candidate;
      return true;
    }
  }
  return false;
}

Core core_of_midr(unsigned long midr) {
  constexpr unsigned long kArm = 0x41, kApple = 0x61;  // all of Apple's are wide
  constexpr uint16_t kInOrder[] = {0xd03, 0xd05};      // Cortex-A53, A55
  // Cortex-A76, Neoverse N1, A77, A76AE; V1, A78, A78AE, X1; A710, X2, N2, A78C, X1C, A715, X3, V2.
  constexpr uint16_t kWide[] = {0xd0b, 0xd0c, 0xd0d, 0xd0e, 0xd40, 0xd41, 0xd42, 0xd44,
                                0xd47, 0xd48, 0xd49, 0xd4b, 0xd4c, 0xd4d, 0xd4e, 0xd4f};
  const unsigned long implementer = midr >> 24 & 0xff, part = midr >> 4 & 0xfff;
  if (implementer == kApple) return Core::wide;
  if (implementer != kArm) return Core::any;
  for (const uint16_t known : kInOrder) {
    if (part == known) return Core::in_order;
  }
  for (const uint16_t known : kWide) {
    if (part == known) return Core::wide;
  }
  return Core::any;
}

std::string cpu_identity() {
#if defined(__x86_64__)
  unsigned eax = 0, name[3] = {}, unused = 0;
  if (!__get_cpuid(0, &eax, &name[0], &name[2], &name[1])) return "unknown";
  char vendor[sizeof name + 1] = {};
  std::memcpy(vendor, name, sizeof name);
  for (char& c : vendor) {  // a hypervisor may say anything
    if (c && ((c | 32) < 'a' || (c | 32) > 'z')) c = '_';
  }
  __get_cpuid(1, &eax, &unused, &unused, &unused);
  const unsigned base = eax >> 8 & 15;
  const unsigned family = base + (base == 15 ? eax >> 20 & 255 : 0);
  const unsigned model = (eax >> 4 & 15) + (base == 6 || base == 15 ? (eax >> 16 & 15) << 4 : 0);
  return text("x86-", std::string_view(vendor), "-", family, "-", model);
#else
  const unsigned long midr = fastest_midr();
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id = "arm-";
  for (int shift : {28, 24, -1, 12, 8, 4}) id += shift < 0 ? '-' : kDigits[midr >> shift & 15];
  return midr ? id : "unknown";
#endif
}

int64_t l1_data_bytes() {
  static const int64_t bytes = [] {
    const int64_t reported = platform::l1_data_bytes();
    return reported >= 8192 ? reported : int64_t{32768};
  }();
  return bytes;
}

int64_t l2_bytes() {
  static const int64_t bytes = [] {
    const int64_t reported = platform::l2_bytes();
    return reported >= (128 << 10) ? reported : int64_t{512 << 10};
  }();
  return bytes;
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
