// Loads and stores that move their pointer on, for AArch64 kernels that are written once for f32
// and f16. They are statements of assembly since GCC pairs loads and folds additions only by
// chance, hoists them, and then spills accumulators. neon.h and neonfp16.h include this.
#pragma once

namespace secateur::simd {
namespace {

// N <= kLanes numbers into the first lanes, and p behind them.
template <int N>
SCT_INLINE Vec load_on(const Number*& p) {
  constexpr int kBytes = N * static_cast<int>(sizeof(Number));
  static_assert(kBytes == 16 || kBytes == 8 || kBytes == 4 || kBytes == 2);
  Vec v;
  if constexpr (kBytes == 16) {
    asm("ldr %q0, [%1], #16" : "=w"(v), "+r"(p) : SCT_READS(p));
  } else if constexpr (kBytes == 8) {
    asm("ldr %d0, [%1], #8" : "=w"(v), "+r"(p) : SCT_READS(p));
  } else if constexpr (kBytes == 4) {
    asm("ldr %s0, [%1], #4" : "=w"(v), "+r"(p) : SCT_READS(p));
  } else {
    asm("ldr %h0, [%1], #2" : "=w"(v), "+r"(p) : SCT_READS(p));
  }
  return v;
}

// Two vectors in a row at p, which moves on by `bytes`.
SCT_INLINE VecTwo load_two_on(const Number*& p, int64_t bytes) {
  VecTwo two;
#if SCT_NO_ASM
  two = {{load(p), load(p + kLanes)}};
  p = reinterpret_cast<const Number*>(reinterpret_cast<const char*>(p) + bytes);
#else
  asm("ld1 {%S0." SCT_ARRANGED " - %T0." SCT_ARRANGED "}, [%1], %2"
      : "=w"(two), "+r"(p)
      : "r"(bytes), SCT_READS(p));
#endif
  return two;
}
SCT_INLINE Vec load_one_on(const Number*& p, int64_t bytes) {
  Vec one;
  asm("ld1 {%0." SCT_ARRANGED "}, [%1], %2" : "=w"(one), "+r"(p) : "r"(bytes), SCT_READS(p));
  return one;
}

// Even and odd numbers of two vectors at p, which moves behind them.
SCT_INLINE VecTwo load_halves_on(const Number*& p) {
  VecTwo two;
#if SCT_NO_ASM
  load_even_odd(p, &two.val[0], &two.val[1]);
  p += 2 * kLanes;
#else
  asm("ld2 {%S0." SCT_ARRANGED " - %T0." SCT_ARRANGED "}, [%1], #32"
      : "=w"(two), "+r"(p)
      : SCT_READS(p));
#endif
  return two;
}

SCT_INLINE VecThree load_three(const Number* p) {
  VecThree three;
#if SCT_NO_ASM
  three = {{load(p), load(p + kLanes), load(p + 2 * kLanes)}};
#else
  asm("ld1 {%S0." SCT_ARRANGED " - %U0." SCT_ARRANGED "}, [%1]"
      : "=w"(three)
      : "r"(p), SCT_READS(p));
#endif
  return three;
}

// V vectors to p, which moves behind them.
template <int V>
SCT_INLINE void store_on(Number*& p, const Vec (&x)[V]) {
  static_assert(V <= 2);
  if constexpr (V == 2) {
    asm("stp %q2, %q3, [%1], #32" : SCT_WRITES(p, 32), "+r"(p) : "w"(x[0]), "w"(x[1]));
  } else {
    asm("str %q2, [%1], #16" : SCT_WRITES(p, 16), "+r"(p) : "w"(x[0]));
  }
}

// Vector I and the next one of those at p.
template <int I>
SCT_INLINE void load_pair(const Number* p, Vec* a, Vec* b) {
  asm("ldp %q0, %q1, [%2, %3]" : "=w"(*a), "=w"(*b) : "r"(p), "i"(16 * I), SCT_READS(p));
}
template <int I>
SCT_INLINE Vec load_one(const Number* p) {
  Vec v;
  asm("ldr %q0, [%1, %2]" : "=w"(v) : "r"(p), "i"(16 * I), SCT_READS(p));
  return v;
}

}  // namespace
}  // namespace secateur::simd
