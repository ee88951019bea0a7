#include "base/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "platform/cpu.h"

namespace secateur {
namespace {

struct IsaRow {
  const char* name;
  int vector_floats;
};

// By the number of the Isa.
constexpr IsaRow kIsas[] = {
#define SCT_ROW(name, floats, base, adds) {#name, floats},
    SCT_ISAS(SCT_ROW)
#undef SCT_ROW
};

// Features of the architecture that this build is for.
constexpr Features build_features() {
#if defined(__x86_64__)
  return Features(Isa::avx512vnni).with(Feature::vnni256);
#elif defined(__aarch64__)
  return Isa::neoni8mm;
#elif defined(__arm__)
  return Isa::neon;
#else
  return {};
#endif
}

#if defined(__x86_64__)
__attribute__((target("xsave"))) unsigned long long read_xcr0() { return _xgetbv(0); }

// Intel's and AMD's manuals: CPUID leaves 1 and 7; XCR0 says which registers the system saves.
Features detect() {
  Features have;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return have;
  const bool osxsave = c & (1u << 27), fma = c & (1u << 12), avx = c & (1u << 28);
  if (!osxsave || !fma || !avx) return have;
  const unsigned long long xcr0 = read_xcr0();
  const bool ymm_saved = (xcr0 & 0x6) == 0x6, zmm_saved = (xcr0 & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return have;
  const unsigned subleaves = a;
  if (!ymm_saved || !(b & (1u << 5)) || !(b & (1u << 8))) return have;
  have = Feature::avx2;
  // F, DQ, BW, VL: what every AVX-512 server and laptop core since Skylake-X has.
  const unsigned wanted = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
  if (zmm_saved && (b & wanted) == wanted) {
    have = have.with(Feature::avx512);
    if (c & (1u << 11)) have = have.with(Feature::vnni512);
  }
  if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 4))) {
    have = have.with(Feature::vnni256);
  }
  return have;
}
#elif defined(__aarch64__) || defined(__arm__)
Features detect() {
  const platform::ArmExtensions arm = platform::arm_extensions();
  Features have;
  if (arm.neon) have = have.with(Feature::neon);
  if (arm.fp16) have = have.with(Feature::fp16);
  if (arm.dot) have = have.with(Feature::dot);
  if (arm.i8mm) have = have.with(Feature::i8mm);
  return have;
}
#else
Features detect() { return {}; }
#endif

}  // namespace

const char* isa_name(Isa isa) { return kIsas[static_cast<int>(isa)].name; }

bool parse_isa(std::string_view name, Isa* isa) {
  for (Isa candidate : kAllIsas) {
    if (name == isa_name(candidate)) {
      *isa = candidate;
      return true;
    }
  }
  return false;
}

Features cpu_features() {
  static const Features features = detect();
  return features;
}

bool isa_compiled(Isa isa) { return build_features().meets(isa); }
bool isa_supported(Isa isa) { return cpu_features().meets(isa); }

Isa best_isa() {
  Isa best = Isa::scalar;
  for (Isa isa : kAllIsas) {
    if (isa_usable(isa)) best = isa;
  }
  return best;
}

int isa_vector_floats(Isa isa) { return kIsas[static_cast<int>(isa)].vector_floats; }

}  // namespace secateur
