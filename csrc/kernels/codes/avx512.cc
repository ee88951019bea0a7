// 256 bytes are four registers of 32 words: two permutations look a word up in a half of them each.
#include <immintrin.h>

#include <cstdint>

namespace secateur {
namespace {

// Of w's low bytes.
inline __m512i byte_at(const __m512i (&table)[4], __m512i w) {
  const __m512i word = _mm512_srli_epi16(w, 1);
  const __m512i low = _mm512_permutex2var_epi16(table[0], word, table[1]);
  const __m512i high = _mm512_permutex2var_epi16(table[2], word, table[3]);
  const __mmask32 upper = _mm512_test_epi16_mask(w, _mm512_set1_epi16(128));
  const __m512i found = _mm512_mask_blend_epi16(upper, low, high);
  const __m512i odd = _mm512_slli_epi16(_mm512_and_si512(w, _mm512_set1_epi16(1)), 3);
  return _mm512_and_si512(_mm512_srlv_epi16(found, odd), _mm512_set1_epi16(255));
}

void look_up(const uint8_t* x, uint8_t* y, int64_t bytes, const uint8_t* table) {
  __m512i t[4];
  for (int k = 0; k < 4; k++) t[k] = _mm512_loadu_si512(table + 64 * k);
  for (int64_t i = 0; i < bytes; i += 64) {
    const int64_t left = bytes - i;
    const __mmask64 there = left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    const __m512i v = _mm512_maskz_loadu_epi8(there, x + i);
    const __m512i even = byte_at(t, _mm512_and_si512(v, _mm512_set1_epi16(255)));
    const __m512i odd = byte_at(t, _mm512_srli_epi16(v, 8));
    _mm512_mask_storeu_epi8(y + i, there, _mm512_or_si512(even, _mm512_slli_epi16(odd, 8)));
  }
}

}  // namespace
}  // namespace secateur

#define SCT_LOOK_UP
#define SCT_ISA avx512
#include "kernels/codes/codes_body.h"
