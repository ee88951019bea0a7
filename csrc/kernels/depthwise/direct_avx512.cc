// Depthwise 3x3 for AVX-512, read from the plane in place: a masked load is a vector of the row
// with its padding, so that nothing is copied first. R output rows by one vector of columns at a
// time; each input row is loaded once for all the rows that it feeds.
//
// Registers: w[9] | sum[4] | v[3]. Per 4 output rows and vector, stride 1: 36 FMAs and 18 loads, of
// which nearly all cross a cache line (two cycles on Zen 4, whose FMA takes one): bound by both, 53
// cycles where 36 are the least. Stride 2: 36 FMAs, 27 loads, 27 shuffles: 95 cycles.
// GCC 12 warns about its own header's undefined vectors.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/depthwise/depthwise.h"

namespace secateur {
namespace {

#define SCT_INLINE inline __attribute__((always_inline))

// Lanes l of 16 with 0 <= first + l < width.
SCT_INLINE __mmask16 lanes_inside(int64_t first, int64_t width) {
  const int64_t begin = first < 0 ? -first : 0;
  const int64_t end = width - first < 16 ? width - first : 16;
  if (begin >= end) return 0;
  return static_cast<__mmask16>((0xffffu >> (16 - (end - begin))) << begin);
}

// The vector that starts at lane N of `lo` followed by `hi`.
template <int N>
SCT_INLINE __m512 shift(__m512 hi, __m512 lo) {
  return _mm512_castsi512_ps(
      _mm512_alignr_epi32(_mm512_castps_si512(hi), _mm512_castps_si512(lo), N));
}

struct Weights {
  __m512 tap[9];
  float bias;
};

// Columns c..c+15 of the output: which lanes of the loads lie inside the row. Stride 2 loads two
// vectors from column 2 c on, and for their neighbours the vector before (left padding 1) or behind
// (0) them.
struct Columns {
  int64_t first;  // input column of the first load's lane 0
  __mmask16 inside[3];
};

template <int S, int kPad>
SCT_INLINE Columns columns_at(const DepthwisePlanes& p, int64_t c) {
  Columns columns;
  if (S == 1) {
    columns.first = c - p.pad_left;
#pragma GCC unroll 3
    for (int s = 0; s < 3; s++) columns.inside[s] = lanes_inside(columns.first + s, p.width);
  } else {
    columns.first = 2 * c;
    columns.inside[0] = lanes_inside(2 * c, p.width);
    columns.inside[1] = lanes_inside(2 * c + 16, p.width);
    columns.inside[2] = kPad == 1 ? lanes_inside(2 * c - 16, p.width) & 0x8000
                                  : lanes_inside(2 * c + 32, p.width) & 1;
  }
  return columns;
}

// v[s][l]: the input that kernel column s meets at output column c + l.
template <int S, int kPad>
SCT_INLINE void load_row(const float* x, const Columns& columns, __m512 (&v)[3]) {
  x += columns.first;
  if (S == 1) {
#pragma GCC unroll 3
    for (int s = 0; s < 3; s++) v[s] = _mm512_maskz_loadu_ps(columns.inside[s], x + s);
    return;
  }
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  const __m512 lo = _mm512_maskz_loadu_ps(columns.inside[0], x);
  const __m512 hi = _mm512_maskz_loadu_ps(columns.inside[1], x + 16);
  const __m512 beside = _mm512_maskz_loadu_ps(columns.inside[2], kPad == 1 ? x - 16 : x + 32);
  v[kPad] = _mm512_permutex2var_ps(lo, even, hi);
  v[kPad + 1] = _mm512_permutex2var_ps(lo, odd, hi);
  if (kPad == 1) {
    v[0] = shift<15>(v[2], beside);
  } else {
    v[2] = shift<1>(beside, v[0]);
  }
}

// Rows row..row+R-1 of the band at one vector of columns.
template <int S, int R, int kPad, bool kEdge>
SCT_INLINE void block(const DepthwisePlanes& p, const Weights& w, const Columns& columns,
                      int64_t row, __m512 (&sum)[R]) {
  const int64_t first = (p.first_row + row) * S - p.pad_top;
#pragma GCC unroll 4
  for (int j = 0; j < R; j++) sum[j] = _mm512_set1_ps(w.bias);
#pragma GCC unroll 16
  for (int i = 0; i < (R - 1) * S + 3; i++) {
    if (kEdge && (first + i < 0 || first + i >= p.height)) continue;
    __m512 v[3];
    load_row<S, kPad>(p.x + (first + i) * p.width, columns, v);
#pragma GCC unroll 3
    for (int s = 0; s < 3; s++) {
#pragma GCC unroll 4
      for (int j = 0; j < R; j++) {
        const int r = i - j * S;
        if (r >= 0 && r < 3) sum[j] = _mm512_fmadd_ps(v[s], w.tap[3 * r + s], sum[j]);
      }
    }
  }
  const __m512 lo = _mm512_set1_ps(p.lo), hi = _mm512_set1_ps(p.hi);
#pragma GCC unroll 4
  for (int j = 0; j < R; j++) sum[j] = _mm512_min_ps(hi, _mm512_max_ps(lo, sum[j]));
}

template <int S, int R, int kPad, bool kEdge>
SCT_INLINE void rows(const DepthwisePlanes& p, const Weights& w, int64_t row) {
  const int64_t width = p.out_width;
  float* y = p.y + row * width;
  __m512 sum[R];
  if (width < 16) {
    block<S, R, kPad, kEdge>(p, w, columns_at<S, kPad>(p, 0), row, sum);
    // A whole vector spills into rows that this call writes later; the last ones are cut.
    const int64_t left = (p.out_rows - row) * width;
    const __mmask16 cut = static_cast<__mmask16>((1u << width) - 1);
#pragma GCC unroll 4
    for (int j = 0; j < R; j++) {
      if (left - j * width >= 16) {
        _mm512_storeu_ps(y + j * width, sum[j]);
      } else {
        _mm512_mask_storeu_ps(y + j * width, cut, sum[j]);
      }
    }
    return;
  }
  for (int64_t c = 0;; c = c + 16 < width - 16 ? c + 16 : width - 16) {
    block<S, R, kPad, kEdge>(p, w, columns_at<S, kPad>(p, c), row, sum);
#pragma GCC unroll 4
    for (int j = 0; j < R; j++) _mm512_storeu_ps(y + j * width + c, sum[j]);
    if (c == width - 16) return;
  }
}

// kEdge: some of the input rows may lie outside the plane. Planes of one vector of columns take the
// checks everywhere: two kinds of blocks, mispredicted in turn, cost more (7x7: 130 cycles a plane
// instead of 113).
template <int S, int R, int kPad>
SCT_INLINE void any_rows(const DepthwisePlanes& p, const Weights& w, int64_t row) {
  const int64_t first = (p.first_row + row) * S - p.pad_top;
  if (p.out_width > 16 && first >= 0 && first + (R - 1) * S + 3 <= p.height) {
    rows<S, R, kPad, false>(p, w, row);
  } else {
    rows<S, R, kPad, true>(p, w, row);
  }
}

template <int S, int kPad>
void direct(const DepthwisePlanes& given) {
  DepthwisePlanes p = given;
  for (int64_t plane = 0; plane < p.planes; plane++) {
    Weights w;
#pragma GCC unroll 9
    for (int t = 0; t < 9; t++) w.tap[t] = _mm512_set1_ps(p.weight[t]);
    w.bias = p.bias ? p.bias[plane] : 0.0f;
    int64_t row = 0;
    for (; row + 4 <= p.out_rows; row += 4) any_rows<S, 4, kPad>(p, w, row);
    const int64_t left = p.out_rows - row;
    if (left == 3) any_rows<S, 3, kPad>(p, w, row);
    if (left == 2) any_rows<S, 2, kPad>(p, w, row);
    if (left == 1) any_rows<S, 1, kPad>(p, w, row);
    p.x += p.x_stride;
    p.y += p.y_stride;
    p.weight += 9;
  }
}

}  // namespace

void depthwise_direct_avx512_3x3s1(const DepthwisePlanes& planes) { direct<1, 0>(planes); }
void depthwise_direct_avx512_3x3s2(const DepthwisePlanes& planes) {
  planes.pad_left == 1 ? direct<2, 1>(planes) : direct<2, 0>(planes);
}

}  // namespace secateur
