#include "dot_peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
// GCC 12 warns about its own header's undefined vectors.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace secateur {
namespace {

constexpr int kRepeats = 4000;
constexpr int kChains = 12;  // enough for 2 a cycle at a latency of 5

// As in fma_peak.cc: chains written out, held in registers by empty statements.
#define SCT_EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define SCT_DOT_LOOP(V, ZERO, DOT, CONSTRAINT)                                                     \
  V w = ZERO;                                                                                      \
  V a0 = w, a1 = w, a2 = w, a3 = w, a4 = w, a5 = w, a6 = w;                                        \
  V a7 = w, a8 = w, a9 = w, a10 = w, a11 = w;                                                      \
  for (int i = 0; i < kRepeats; i++) {                                                             \
    asm volatile("" : "+" CONSTRAINT(w));                                                          \
    SCT_EACH(DOT)                                                                                  \
    asm volatile(""                                                                                \
                 : "+" CONSTRAINT(a0), "+" CONSTRAINT(a1), "+" CONSTRAINT(a2), "+" CONSTRAINT(a3), \
                   "+" CONSTRAINT(a4), "+" CONSTRAINT(a5), "+" CONSTRAINT(a6), "+" CONSTRAINT(a7), \
                   "+" CONSTRAINT(a8), "+" CONSTRAINT(a9), "+" CONSTRAINT(a10),                    \
                   "+" CONSTRAINT(a11));                                                           \
  }

#if defined(__x86_64__)
#define SCT_STEP(j) a##j = _mm512_dpbusd_epi32(a##j, w, w);
__attribute__((target("avx512f,avx512vnni"))) void loop_vnni() {
  SCT_DOT_LOOP(__m512i, _mm512_setzero_si512(), SCT_STEP, "v")
}
#undef SCT_STEP
#define SCT_STEP(j) a##j = _mm512_add_epi32(a##j, _mm512_madd_epi16(w, w));
__attribute__((target("avx512f,avx512bw"))) void loop_avx512() {
  SCT_DOT_LOOP(__m512i, _mm512_setzero_si512(), SCT_STEP, "v")
}
#undef SCT_STEP
#define SCT_STEP(j) a##j = _mm256_add_epi32(a##j, _mm256_madd_epi16(w, w));
__attribute__((target("avx2"))) void loop_avx2() {
  SCT_DOT_LOOP(__m256i, _mm256_setzero_si256(), SCT_STEP, "x")
}
#undef SCT_STEP
#elif defined(__aarch64__)
#define SCT_STEP(j) a##j = vdotq_s32(a##j, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(w));
__attribute__((target("arch=armv8.2-a+dotprod"))) void loop_dot() {
  SCT_DOT_LOOP(int32x4_t, vdupq_n_s32(0), SCT_STEP, "w")
}
#undef SCT_STEP
#define SCT_STEP(j)   \
  a##j = vpadalq_s16( \
      a##j, vmull_s8(vget_low_s8(vreinterpretq_s8_s32(w)), vget_low_s8(vreinterpretq_s8_s32(w))));
void loop_neon() { SCT_DOT_LOOP(int32x4_t, vdupq_n_s32(0), SCT_STEP, "w") }
#undef SCT_STEP
#endif

// macs: of one step.
double measure(void (*loop)(), int macs) {
  double best = 0;
  for (int repeat = 0; repeat < 3; repeat++) {
    const auto start = std::chrono::steady_clock::now();
    loop();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * kRepeats * kChains * macs / elapsed.count());
  }
  return best;
}

}  // namespace

double dot_peak(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512vnni) return measure(loop_vnni, 64);
  if (isa == Isa::avx512) return measure(loop_avx512, 32);
  return measure(loop_avx2, 16);
#elif defined(__aarch64__)
  return isa == Isa::neondot ? measure(loop_dot, 16) : measure(loop_neon, 8);
#else
  (void)isa;
  return 1e9;
#endif
}

}  // namespace secateur
