// Panel packing for AVX2: masked loads and gathers, which read nothing where the mask is clear.
#include <immintrin.h>

#include "kernels/panel/panel.h"

namespace secateur {

void panel_avx2(const PanelArgs& args) {
  const int64_t length = (args.length + 15) / 16 * 16;
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  for (int64_t i = 0; i < args.count; i++) {
    const PanelRun run = args.runs[i];
    const float* x = args.x + run.source;
    const int32_t* mask = args.masks + run.mask * args.mask_stride;
    float* out = args.panel + i * args.run_floats;
    for (int64_t q = args.position; q < args.position + length; q += 8, out += 8) {
      __m256i valid = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(mask + q));
      if (q < run.begin || q + 8 > run.end) {
        const __m256i lane = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(q)), lanes);
        valid = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(run.begin), lane), valid);
        valid = _mm256_and_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(run.end), lane), valid);
      }
      __m256 v;
      if (args.index) {
        const __m256i at = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(args.index + q));
        v = _mm256_mask_i32gather_ps(_mm256_setzero_ps(), x, at, _mm256_castsi256_ps(valid), 4);
      } else {
        v = _mm256_maskload_ps(x + q, valid);
      }
      _mm256_store_ps(out, v);
    }
  }
}

}  // namespace secateur
