// What statements of assembly in AArch64 kernels share (neon_loads.h has some). Two compilers read
// them: of GCC's, Clang takes neither memory operands of unknown size nor the names of the
// registers of a tuple. 32-bit Arm does without.
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
