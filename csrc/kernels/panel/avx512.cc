// Panel packing for AVX-512: masked loads and gathers, which read nothing where the mask is clear.
// Bound by the stores (one zmm in two cycles on Zen 4), or by the gathers (about a lane a cycle).
// GCC 12 warns about its own header's undefined vectors.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
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

}  // namespace

void panel_avx512(const PanelArgs& args) {
  const int64_t end = args.position + args.length;
  for (int64_t i = 0; i < args.count; i++) {
    const PanelRun run = args.runs[i];
    const float* x = args.x + run.source;
    const int32_t* mask = args.masks + run.mask * args.mask_stride;
    float* out = args.panel + i * args.run_floats;
    for (int64_t q = args.position; q < end; q += 16, out += 16) {
      const __m512i columns = _mm512_loadu_si512(mask + q);
      const __mmask16 valid =
          _mm512_test_epi32_mask(columns, columns) & range_mask(q, run.begin, run.end);
      __m512 v;
      if (args.index) {
        v = _mm512_mask_i32gather_ps(_mm512_setzero_ps(), valid, _mm512_loadu_si512(args.index + q),
                                     x, 4);
      } else {
        v = _mm512_maskz_loadu_ps(valid, x + q);
      }
      _mm512_store_ps(out, v);
    }
  }
}

}  // namespace secateur
