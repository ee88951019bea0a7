// Panel packing for AVX-512: masked loads and gathers, which read nothing where the mask is clear.
// Bound by the stores (one zmm in two cycles on Zen 4), or by the gathers (about a lane a cycle),
// which are left to vectors that a row of the output ends in.
// GCC 12 warns about its own header's undefined vectors.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/panel/panel.h"
#include "kernels/panel/step.h"

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

// Bit l of eight at bit 2 l.
inline __mmask16 apart(unsigned bits) {
  bits = (bits | bits << 4) & 0x0f0f;
  bits = (bits | bits << 2) & 0x3333;
  return static_cast<__mmask16>((bits | bits << 1) & 0x5555);
}

// Every second of the 31 floats from x on, those of `valid` alone.
inline __attribute__((always_inline)) __m512 every_second(const float* x, __mmask16 valid) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512 low = _mm512_maskz_loadu_ps(apart(valid & 0xff), x);
  const __m512 high = _mm512_maskz_loadu_ps(apart(valid >> 8), x + 16);
  return _mm512_permutex2var_ps(low, even, high);
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
    int step[kVectors];
    for (int v = 0; args.index && v < vectors; v++) {
      step[v] = even_step(args.index + from + 16 * v, 16, 2);
    }
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
            const int32_t* index = args.index + from + 16 * v;
            __m512 values;
            if (step[v] == 1) {
              values = _mm512_mask_loadu_ps(fill, valid[v], x + *index);
            } else if (step[v] == 2) {
              values = _mm512_mask_mov_ps(fill, valid[v], every_second(x + *index, valid[v]));
            } else {
              values = _mm512_mask_i32gather_ps(fill, valid[v], _mm512_loadu_si512(index), x, 4);
            }
            _mm512_store_ps(out, flipped(values));
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
