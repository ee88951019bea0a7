// A number to a code's byte, in plain C++ that compilers vectorise: what every loop over codes ends
// with (docs/numerics.md).
#pragma once

#include <cstdint>

#include "kernels/codes/codes.h"

// Before a loop of which no turn waits for another, though what is written may be what is read, at
// the same place.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed"  // it cannot under sanitizers
#define SCT_EACH_ALONE _Pragma("clang loop vectorize(assume_safety)")
#else
#define SCT_EACH_ALONE _Pragma("GCC ivdep")
#endif

namespace secateur {
namespace {

// Bounds of t, and what becomes of it.
struct Bounds {
  float lo, hi;
  int32_t zero;
  explicit Bounds(const ToCode& to)
      : lo(static_cast<float>(to.lo - to.zero)),
        hi(static_cast<float>(to.hi - to.zero)),
        zero(to.zero) {}
};

// The integer nearest to t, |t| < 2^22: with 1.5 * 2^23 added it stands in the last bits.
inline __attribute__((always_inline)) int32_t nearest(float t) {
  t += 12582912.f;
  int32_t bits;
  __builtin_memcpy(&bits, &t, 4);
  return bits - 0x4b400000;
}

inline __attribute__((always_inline)) uint32_t byte_of(float t, const Bounds& b) {
  t = t < b.lo ? b.lo : t;
  t = t > b.hi ? b.hi : t;
  return static_cast<uint32_t>(nearest(t) + b.zero) & 255;
}

}  // namespace
}  // namespace secateur
