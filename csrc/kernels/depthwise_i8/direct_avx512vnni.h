// Depthwise 3x3 of i8 for AVX-512 with VNNI, read in place: no groups in memory. Include after
// avx512_outputs.h.
//
// Sixteen columns of an input row are one load, masked at the borders. An in-register permutation
// makes of them a vector's four outputs' windows, and a shuffle turns these into groups, which stay
// in registers for the rows of the output that meet them. A strip is as many output columns as
// sixteen of the input allow: 14, or 7 at stride 2.
//
// Registers, stride 1: groups[3 rows][4] | sum[4] | taken[4] | weight[3], turn, fill, sign, bias
// An output row of 14 columns: 1 load, 4 vpermd, 4 vpshufb, 12 vpdpbusd, 23 to rescale, 1 store.
#pragma once

#include <algorithm>

namespace secateur {
namespace {

// Of an output that begins at a column of the sixteen: vectors v, v + 1 ... hold in their 128-bit
// lane L the outputs V L + v, so that narrowing puts them in order.
template <int V, int S>
struct Strip {
  static constexpr int kColumns = S == 1 ? (V == 4 ? 14 : 8) : 7;

  __m512i taken[V], weight[3], bias, fill;
  Rescale to;
  const DepthwiseI8Plane& p;
  const int8_t* x;  // of the strip's first column, in row 0
  __mmask16 inside, out;

  Strip(const DepthwiseI8Plane& plane, int64_t column, int64_t columns)
      : bias(four(plane.band.bias)),
        fill(_mm512_set1_epi8(static_cast<char>(plane.fill))),
        to(plane.band),
        p(plane) {
    const int64_t from = column * S - p.pad_left;
    x = p.x + 4 * from;
    const __m512i at =
        _mm512_add_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                         _mm512_set1_epi32(static_cast<int>(from)));
    inside = _mm512_cmplt_epi32_mask(at, _mm512_set1_epi32(static_cast<int>(p.width))) &
             _mm512_cmpge_epi32_mask(at, _mm512_setzero_si512());
    out = static_cast<__mmask16>((1u << columns) - 1);
    const __m512i lane = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512i tap = _mm512_broadcast_i32x4(_mm_setr_epi32(0, 1, 2, 3));
    for (int v = 0; v < V; v++) {
      const __m512i output =
          _mm512_add_epi32(_mm512_mullo_epi32(lane, _mm512_set1_epi32(V)), _mm512_set1_epi32(v));
      taken[v] = _mm512_add_epi32(_mm512_mullo_epi32(output, _mm512_set1_epi32(S)), tap);
    }
    for (int r = 0; r < 3; r++) weight[r] = four(p.band.weight + 16 * r);
  }

  SCT_INLINE void load(int64_t row, __m512i (&groups)[V]) const {
    const __m512i turn =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m512i line = fill;
    if (row >= 0 && row < p.height) {
      line = _mm512_mask_loadu_epi32(fill, inside, x + 4 * row * p.width);
    }
    line = _mm512_xor_si512(line, _mm512_set1_epi8(-128));
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      groups[v] = _mm512_shuffle_epi8(_mm512_permutexvar_epi32(taken[v], line), turn);
    }
  }

  SCT_INLINE void row(const __m512i (&a)[V], const __m512i (&b)[V], const __m512i (&c)[V],
                      int8_t* y) const {
    __m512i sum[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      sum[v] = _mm512_dpbusd_epi32(bias, a[v], weight[0]);
      sum[v] = _mm512_dpbusd_epi32(sum[v], b[v], weight[1]);
      sum[v] = _mm512_dpbusd_epi32(sum[v], c[v], weight[2]);
    }
    __m512i bytes;
    if constexpr (V == 4) {
      bytes = _mm512_packs_epi16(to.half(sum[0], sum[1]), to.half(sum[2], sum[3]));
    } else {
      const __m512i half = to.half(sum[0], sum[1]);
      const __m512i even = _mm512_setr_epi64(0, 2, 4, 6, 0, 2, 4, 6);
      bytes = _mm512_permutexvar_epi64(even, _mm512_packs_epi16(half, half));
    }
    bytes = _mm512_min_epi8(_mm512_max_epi8(bytes, to.lo), to.hi);
    _mm512_mask_storeu_epi32(y, out, bytes);
  }

  // Rows first ... first + rows - 1 of the output, from y on.
  void run(int64_t first, int64_t rows, int8_t* y) const {
    const int64_t pitch = 4 * p.out_width, top = first * S - p.pad_top;
    __m512i a[V], b[V], c[V];
    load(top, a);
    if constexpr (S == 2) {
      for (int64_t i = 0; i < rows; i++, y += pitch) {
        load(top + 2 * i + 1, b);
        load(top + 2 * i + 2, c);
        row(a, b, c, y);
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) a[v] = c[v];
      }
      return;
    }
    load(top + 1, b);
    for (int64_t i = 0; i < rows; i += 3) {
      load(top + i + 2, c);
      row(a, b, c, y);
      if (i + 1 == rows) break;
      load(top + i + 3, a);
      row(b, c, a, y + pitch);
      if (i + 2 == rows) break;
      load(top + i + 4, b);
      row(c, a, b, y + 2 * pitch);
      y += 3 * pitch;
    }
  }
};

template <int V, int S>
void run_strips(const DepthwiseI8Plane& p) {
  for (int64_t j = 0; j < p.out_width; j += Strip<V, S>::kColumns) {
    const int64_t columns = std::min<int64_t>(Strip<V, S>::kColumns, p.out_width - j);
    Strip<V, S>(p, j, columns).run(p.first, p.rows, p.band.y + 4 * j);
  }
}

void plane3x3(const DepthwiseI8Plane& p) {
  if (p.stride == 2) return run_strips<2, 2>(p);
  if (p.out_width <= Strip<2, 1>::kColumns) return run_strips<2, 1>(p);
  run_strips<4, 1>(p);
}

}  // namespace
}  // namespace secateur
