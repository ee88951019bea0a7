// Panel packing for AVX2: masked loads and gathers, which read nothing where the mask is clear.
// Bound by the stores, one vector a cycle; gathers are left to vectors that a row of the output
// ends in.
#include <immintrin.h>

#include "kernels/panel/panel.h"
#include "kernels/panel/step.h"

namespace secateur {
namespace {

// Vectors whose masks are held while the runs that share them are copied.
constexpr int kVectors = 16;

// Lanes l of [at, at + 8) with begin <= l < end.
inline __attribute__((always_inline)) __m256i range_mask(int64_t at, int64_t begin, int64_t end) {
  if (begin <= at && end >= at + 8) return _mm256_set1_epi32(-1);
  const __m256i lane = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(at)),
                                        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  const __m256i before = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(begin)), lane);
  const __m256i inside = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(end)), lane);
  return _mm256_andnot_si256(before, inside);
}

// Every second of the 15 floats from x on, those of `valid` alone, zeros for the others.
inline __attribute__((always_inline)) __m256 every_second(const float* x, __m256i valid) {
  const __m256i low = _mm256_cvtepu32_epi64(_mm256_castsi256_si128(valid));
  const __m256i high = _mm256_cvtepu32_epi64(_mm256_extracti128_si256(valid, 1));
  const __m256 pairs = _mm256_shuffle_ps(_mm256_maskload_ps(x, low),
                                         _mm256_maskload_ps(x + 8, high), _MM_SHUFFLE(2, 0, 2, 0));
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(pairs), _MM_SHUFFLE(3, 1, 2, 0)));
}

// kFill: with something else than zero.
template <bool kFill>
inline __attribute__((always_inline)) void pack(const PanelArgs& args) {
  const __m256 fill = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(args.fill)));
  const auto filled = [fill](__m256 v, __m256i valid) {
    return kFill ? _mm256_blendv_ps(fill, v, _mm256_castsi256_ps(valid)) : v;
  };
  const int64_t length = (args.length + 15) / 16 * 16;
  const int64_t end = args.position + length, count = args.count, period = args.tap_count;
  const int64_t channel_floats = args.channel_floats;
  const int64_t run_floats = args.run_floats;
  for (int64_t from = args.position; from < end; from += 8 * kVectors) {
    const int64_t left = (end - from) / 8;
    const int vectors = left < kVectors ? static_cast<int>(left) : kVectors;
    const float* const x0 = args.x + from;
    float* const panel = args.panel + (from - args.position);
    int step[kVectors];
    for (int v = 0; args.index && v < vectors; v++) {
      step[v] = even_step(args.index + from + 8 * v, 8, 2);
    }
    for (int64_t run = args.first; run < args.first + period && run < args.first + count; run++) {
      const PanelTap& tap = args.taps[run % period];
      const int32_t* mask = args.masks + tap.mask * args.mask_stride + from;
      __m256i valid[kVectors];
      for (int v = 0; v < vectors; v++) {
        valid[v] =
            _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask + 8 * v)),
                             range_mask(from + 8 * v, tap.begin, tap.end));
      }
      int64_t source = run / period * channel_floats + tap.source;
      for (int64_t i = run - args.first; i < count; i += period, source += channel_floats) {
        float* out = panel + i * run_floats;
        if (args.index) {
          const float* x = args.x + source;
          for (int v = 0; v < vectors; v++, out += 8) {
            const int32_t* index = args.index + from + 8 * v;
            __m256 values;
            if (step[v] == 1) {
              values = filled(_mm256_maskload_ps(x + *index, valid[v]), valid[v]);
            } else if (step[v] == 2) {
              values = filled(every_second(x + *index, valid[v]), valid[v]);
            } else {
              const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index));
              values = _mm256_mask_i32gather_ps(fill, x, at, _mm256_castsi256_ps(valid[v]), 4);
            }
            _mm256_store_ps(out, values);
          }
        } else {
          const float* x = x0 + source;
          for (int v = 0; v < vectors; v++, out += 8, x += 8) {
            _mm256_store_ps(out, filled(_mm256_maskload_ps(x, valid[v]), valid[v]));
          }
        }
      }
    }
  }
}

}  // namespace

void panel_avx2(const PanelArgs& args) {
  if (args.fill != 0) {
    pack<true>(args);
  } else {
    pack<false>(args);
  }
}

}  // namespace secateur
