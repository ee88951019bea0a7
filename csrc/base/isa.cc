#include "base/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace secateur {
namespace {

#if defined(__x86_64__)
struct X86Features {
  bool avx2 = false;
  bool avx512 = false;
};

__attribute__((target("xsave"))) unsigned long long read_xcr0() { return _xgetbv(0); }

X86Features detect_x86() {
  X86Features f;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return f;
  const bool osxsave = c & (1u << 27), fma = c & (1u << 12), avx = c & (1u << 28);
  if (!osxsave || !fma || !avx) return f;
  const unsigned long long xcr0 = read_xcr0();
  const bool ymm_saved = (xcr0 & 0x6) == 0x6, zmm_saved = (xcr0 & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
  f.avx2 = ymm_saved && (b & (1u << 5)) && (b & (1u << 8));
  // F, DQ, BW, VL: what every AVX-512 server and laptop core since Skylake-X has.
  const unsigned wanted = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
  f.avx512 = f.avx2 && zmm_saved && (b & wanted) == wanted;
  return f;
}
#endif

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::neon:
      return "neon";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "unknown";
}

bool parse_isa(std::string_view name, Isa* isa) {
  for (Isa candidate : kAllIsas) {
    if (name == isa_name(candidate)) {
      *isa = candidate;
      return true;
    }
  }
  return false;
}

bool isa_compiled(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::neon:
#if defined(__aarch64__)
      return true;
#else
      return false;
#endif
    case Isa::avx2:
    case Isa::avx512:
#if defined(__x86_64__)
      return true;
#else
      return false;
#endif
  }
  return false;
}

bool isa_supported(Isa isa) {
#if defined(__x86_64__)
  static const X86Features features = detect_x86();
  if (isa == Isa::avx2) return features.avx2;
  if (isa == Isa::avx512) return features.avx512;
  return isa == Isa::scalar;
#elif defined(__aarch64__)
  return isa == Isa::scalar || isa == Isa::neon;  // Advanced SIMD is part of armv8-a
#else
  return isa == Isa::scalar;
#endif
}

Isa best_isa() {
  Isa best = Isa::scalar;
  for (Isa isa : kAllIsas) {
    if (isa_usable(isa)) best = isa;
  }
  return best;
}

int isa_vector_floats(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return 1;
    case Isa::neon:
      return 4;
    case Isa::avx2:
      return 8;
    case Isa::avx512:
      return 16;
  }
  return 1;
}

}  // namespace secateur
