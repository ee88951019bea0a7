#include "fma_peak.h"

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

// One pass of kRepeats * kChains FMAs on vectors V; `step` keeps them from being folded.
#define SCT_FMA_LOOP(V, ZERO, FMA, CONSTRAINT)                                    \
  V acc[kChains];                                                                 \
  for (int j = 0; j < kChains; j++) acc[j] = ZERO;                                \
  V w = ZERO;                                                                     \
  asm volatile("" : "+" CONSTRAINT(w));                                           \
  for (int i = 0; i < kRepeats; i++) {                                            \
    _Pragma("GCC unroll 12") for (int j = 0; j < kChains; j++) acc[j] = FMA;      \
    _Pragma("GCC unroll 12") for (int j = 0; j < kChains;                         \
                                  j++) asm volatile("" : "+" CONSTRAINT(acc[j])); \
  }

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void loop_avx512() {
  SCT_FMA_LOOP(__m512, _mm512_setzero_ps(), _mm512_fmadd_ps(w, w, acc[j]), "v")
}
__attribute__((target("avx2,fma"))) void loop_avx2() {
  SCT_FMA_LOOP(__m256, _mm256_setzero_ps(), _mm256_fmadd_ps(w, w, acc[j]), "x")
}
// No FMA in the baseline: a multiply and an add.
void loop_base() {
  SCT_FMA_LOOP(__m128, _mm_setzero_ps(), _mm_add_ps(_mm_mul_ps(w, w), acc[j]), "x")
}
#elif defined(__aarch64__)
void loop_base() { SCT_FMA_LOOP(float32x4_t, vdupq_n_f32(0), vfmaq_f32(acc[j], w, w), "w") }
#else
void loop_base() {}
#endif

double measure(void (*loop)(), int lanes) {
  double best = 0;
  for (int repeat = 0; repeat < 3; repeat++) {
    const auto start = std::chrono::steady_clock::now();
    loop();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * kRepeats * kChains * lanes / elapsed.count());
  }
  return best;
}

}  // namespace

double fma_peak(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return measure(loop_avx512, 16);
  if (isa == Isa::avx2) return measure(loop_avx2, 8);
#endif
  (void)isa;
  return measure(loop_base, 4);
}

}  // namespace secateur
