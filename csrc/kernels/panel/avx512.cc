// Panel packing for AVX-512: masked loads and gathers, which read nothing where the mask is clear.
// Bound by the stores (one zmm in two cycles on Zen 4), or by the gathers (about a lane a cycle).
// GCC 12 warns about its own header's undefined vectors.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/panel/panel.h"

namespace secateur {
namespace {

// Lanes l of [at, at + 16) with begin <= l < end.
inline __attribute__((always_inline)) __mmask16 range_mask(int64_t at, int64_t begin, int64_t end) {
  if (begin <= at && end >= at + 16) return 0xffff;
  const __m512i lane =
      _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(at)),
                       _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  return _mm512_cmpge_epi32_mask(lane, _mm512_set1_epi32(static_cast<int>(begin))) &
         _mm512_cmplt_epi32_mask(lane, _mm512_set1_epi32(static_cast<int>(end)));
}

// Vectors whose masks are held while the runs that share them are copied.
constexpr int kVectors = 16;

template <bool kFlip>
inline __attribute__((always_inline)) void pack(const PanelArgs& args) {
  const __m512 fill = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(args.fill)));
  const __m512 flip = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(args.flip)));
  const auto flipped = [flip](__m512 v) { return kFlip ? _mm512_xor_ps(v, flip) : v; };
  const int64_t end = args.position + args.length, count = args.count, period = args.tap_count;
  const int64_t channel_floats = args.channel_floats;
  const int64_t run_floats = args.run_floats;
  for (int64_t from = args.position; from < end; from += 16 * kVectors) {
    const int64_t left = (end - from + 15) / 16;
    const int vectors = left < kVectors ? static_cast<int>(left) : kVectors;
    const float* const x0 = args.x + from;
    float* const panel = args.panel + (from - args.position);
    for (int64_t run = args.first; run < args.first + period && run < args.first + count; run++) {
      const PanelTap& tap = args.taps[run % period];
      const int32_t* mask = args.masks + tap.mask * args.mask_stride + from;
      __mmask16 valid[kVectors];
      for (int v = 0; v < vectors; v++) {
        const __m512i columns = _mm512_loadu_si512(mask + 16 * v);
        valid[v] = _mm512_test_epi32_mask(columns, columns) &
                   range_mask(from + 16 * v, tap.begin, tap.end);
      }
      int64_t source = run / period * channel_floats + tap.source;
      for (int64_t i = run - args.first; i < count; i += period, source += channel_floats) {
        float* out = panel + i * run_floats;
        if (args.index) {
          const float* x = args.x + source;
          for (int v = 0; v < vectors; v++, out += 16) {
            const __m512i index = _mm512_loadu_si512(args.index + from + 16 * v);
            _mm512_store_ps(out, flipped(_mm512_mask_i32gather_ps(fill, valid[v], index, x, 4)));
          }
        } else {
          const float* x = x0 + source;
          for (int v = 0; v < vectors; v++, out += 16, x += 16) {
            _mm512_store_ps(out, flipped(_mm512_mask_loadu_ps(fill, valid[v], x)));
          }
        }
      }
    }
  }
}

}  // namespace

void panel_avx512(const PanelArgs& args) {
  if (args.flip != 0) {
    pack<true>(args);
  } else {
    pack<false>(args);
  }
}

}  // namespace secateur
