// What statements of assembly in AArch64 kernels share. Two compilers read them: of GCC's, Clang
// takes neither memory operands of unknown size nor the names of the registers of a tuple. 32-bit
// Arm does without.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#if defined(__clang__) || !defined(__aarch64__)
#define SCT_NO_ASM 1
#else
#define SCT_NO_ASM 0
#endif
#if !defined(__aarch64__)
#include "kernels/simd/neon32.h"
#endif

#define SCT_INLINE inline __attribute__((always_inline))

// The operand that says that memory from p on is read, without an address register of its own:
// "Q" of an array, of unknown bound where the compiler takes that, else of more than any
// statement reads.
#if defined(__clang__)
#define SCT_READS(p) "Q"(*reinterpret_cast<const char(*)[64]>(p))
#else
#define SCT_READS(p) "Q"(*reinterpret_cast<const char(*)[]>(p))
#endif
// The same of `bytes` bytes that are written, all of them.
#define SCT_WRITES(p, bytes) "=Q"(*reinterpret_cast<char(*)[bytes]>(p))

namespace secateur::simd {
namespace {

// Two vectors in a row at p, which moves on by `bytes`.
SCT_INLINE float32x4x2_t load_two_on(const float*& p, int64_t bytes) {
  float32x4x2_t two;
#if SCT_NO_ASM
  two = {{vld1q_f32(p), vld1q_f32(p + 4)}};
  p = reinterpret_cast<const float*>(reinterpret_cast<const char*>(p) + bytes);
#else
  asm("ld1 {%S0.4s - %T0.4s}, [%1], %2" : "=w"(two), "+r"(p) : "r"(bytes), SCT_READS(p));
#endif
  return two;
}

// Even and odd floats of eight at p, which moves behind them.
SCT_INLINE float32x4x2_t load_halves_on(const float*& p) {
  float32x4x2_t two;
#if SCT_NO_ASM
  two = vld2q_f32(p);
  p += 8;
#else
  asm("ld2 {%S0.4s - %T0.4s}, [%1], #32" : "=w"(two), "+r"(p) : SCT_READS(p));
#endif
  return two;
}

SCT_INLINE float32x4x3_t load_three(const float* p) {
  float32x4x3_t three;
#if SCT_NO_ASM
  three = {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8)}};
#else
  asm("ld1 {%S0.4s - %U0.4s}, [%1]" : "=w"(three) : "r"(p), SCT_READS(p));
#endif
  return three;
}

}  // namespace
}  // namespace secateur::simd
