#include "tune/fma_peak.h"

#include <algorithm>
#include <chrono>

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
constexpr int kChains = 12;  // enough for 2 FMAs a cycle at a latency of 5

// kRepeats * kChains FMAs on vectors V. Chains are written out and held in registers by empty asm
// statements, which also keep them from being folded (a loop over an array went through memory).
#define SCT_EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define SCT_FMA_LOOP(V, ZERO, FMA, CONSTRAINT)                                                     \
  V w = ZERO;                                                                                      \
  V a0 = w, a1 = w, a2 = w, a3 = w, a4 = w, a5 = w, a6 = w;                                        \
  V a7 = w, a8 = w, a9 = w, a10 = w, a11 = w;                                                      \
  for (int i = 0; i < kRepeats; i++) {                                                             \
    asm volatile("" : "+" CONSTRAINT(w));                                                          \
    SCT_EACH(FMA)                                                                                  \
    asm volatile(""                                                                                \
                 : "+" CONSTRAINT(a0), "+" CONSTRAINT(a1), "+" CONSTRAINT(a2), "+" CONSTRAINT(a3), \
                   "+" CONSTRAINT(a4), "+" CONSTRAINT(a5), "+" CONSTRAINT(a6), "+" CONSTRAINT(a7), \
                   "+" CONSTRAINT(a8), "+" CONSTRAINT(a9), "+" CONSTRAINT(a10),                    \
                   "+" CONSTRAINT(a11));                                                           \
  }

#if defined(__x86_64__)
#define SCT_STEP(j) a##j = _mm512_fmadd_ps(w, w, a##j);
__attribute__((target("avx512f"))) void loop_avx512() {
  SCT_FMA_LOOP(__m512, _mm512_setzero_ps(), SCT_STEP, "v")
}
#undef SCT_STEP
#define SCT_STEP(j) a##j = _mm256_fmadd_ps(w, w, a##j);
__attribute__((target("avx2,fma"))) void loop_avx2() {
  SCT_FMA_LOOP(__m256, _mm256_setzero_ps(), SCT_STEP, "x")
}
#undef SCT_STEP
// No FMA in the baseline: a multiply and an add.
#define SCT_STEP(j) a##j = _mm_add_ps(_mm_mul_ps(w, w), a##j);
void loop_base() { SCT_FMA_LOOP(__m128, _mm_setzero_ps(), SCT_STEP, "x") }
#undef SCT_STEP
#elif defined(__aarch64__)
#define SCT_STEP(j) a##j = vfmaq_f32(a##j, w, w);
void loop_base() { SCT_FMA_LOOP(float32x4_t, vdupq_n_f32(0), SCT_STEP, "w") }
#undef SCT_STEP
#else
void loop_base() {}
#endif

// Dot products of i8, or what kernels without them use: widened products and additions.
#if defined(__x86_64__)
#define SCT_STEP(j) a##j = _mm512_dpbusd_epi32(a##j, w, w);
__attribute__((target("avx512f,avx512vnni"))) void dot_vnni() {
  SCT_FMA_LOOP(__m512i, _mm512_setzero_si512(), SCT_STEP, "v")
}
#undef SCT_STEP
#define SCT_STEP(j) a##j = _mm512_add_epi32(a##j, _mm512_madd_epi16(a##j, w));
__attribute__((target("avx512f,avx512bw"))) void widened_avx512() {
  SCT_FMA_LOOP(__m512i, _mm512_setzero_si512(), SCT_STEP, "v")
}
#undef SCT_STEP
#define SCT_STEP(j) a##j = _mm256_add_epi32(a##j, _mm256_madd_epi16(a##j, w));
__attribute__((target("avx2"))) void widened_avx2() {
  SCT_FMA_LOOP(__m256i, _mm256_setzero_si256(), SCT_STEP, "x")
}
#undef SCT_STEP
#elif defined(__aarch64__)
#define SCT_STEP(j) a##j = vdotq_s32(a##j, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(w));
__attribute__((target("arch=armv8.2-a+dotprod"))) void dot_neon() {
  SCT_FMA_LOOP(int32x4_t, vdupq_n_s32(0), SCT_STEP, "w")
}
#undef SCT_STEP
#define SCT_STEP(j)                                                          \
  a##j = vpadalq_s16(a##j, vmull_s8(vget_low_s8(vreinterpretq_s8_s32(a##j)), \
                                    vget_low_s8(vreinterpretq_s8_s32(w))));
void widened_neon() { SCT_FMA_LOOP(int32x4_t, vdupq_n_s32(0), SCT_STEP, "w") }
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

double fma_peak(Isa isa) {
#if defined(__x86_64__)
  if (isa_vector_floats(isa) == 16) return measure(loop_avx512, 16);
  if (isa_vector_floats(isa) == 8) return measure(loop_avx2, 8);
#endif
  (void)isa;
  return measure(loop_base, 4);
}

double dot_peak(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512vnni) return measure(dot_vnni, 64);
  if (isa == Isa::avx512) return measure(widened_avx512, 32);
  if (isa_vector_floats(isa) == 8) return measure(widened_avx2, 16);
  return measure(loop_base, 4);  // no CPU without AVX2 gets its instructions
#elif defined(__aarch64__)
  return isa == Isa::neondot ? measure(dot_neon, 16) : measure(widened_neon, 8);
#else
  (void)isa;
  return 1e9;
#endif
}

}  // namespace secateur
