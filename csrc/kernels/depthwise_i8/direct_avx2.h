// Depthwise 3x3 of i8 by products of i16, stride 1 or 2: no groups in memory. Include after
// avx2_outputs.h.
//
// vpmaddwd adds the products of two neighbouring i16: here of an element and the one below it. So
// two rows of the input are widened and laid side by side, [columns][4 channels][2 rows], 16 bytes
// a column: a pair line. Of output row i the upper two taps of a column come from the pair line
// that begins at its first row, the lowest from the one that begins at its last, whose second rows
// have weights of zero and which the output row there reads again.
//
// At stride 2 even columns stand before odd ones, so that neighbouring outputs read neighbours.
//
// Registers: sum[4] | weight[2][3] | scale, zero, lo, hi, limit
// Eight outputs of four channels: 24 vpmaddwd of memory, 24 vpaddd, some 25 to rescale; a pair line
// takes 8 instructions for 4 columns, and what copies the line with its padding.
#pragma once

#include <algorithm>
#include <cstring>

#include "kernels/depthwise_i8/avx2_outputs.h"

namespace secateur {
namespace {

constexpr int64_t kStripColumns = 64;  // of the output
constexpr int64_t kStep = 8;           // outputs at a time
constexpr int64_t kLineColumns = 2 * kStripColumns + 8;

// Columns [from, from + columns) of a row of the input, padding included; columns: a multiple of
// four. (No calls: lines are short.)
inline void copy_line(const DepthwiseI8Plane& p, int64_t row, int64_t from, int64_t columns,
                      int8_t* line) {
  const __m128i fill = _mm_set1_epi8(static_cast<char>(p.fill));
  const auto fill_all = [&] {
    for (int64_t i = 0; i < columns; i += 4) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(line + 4 * i), fill);
    }
  };
  const int64_t begin = std::clamp<int64_t>(-from, 0, columns);
  const int64_t end = std::clamp<int64_t>(p.width - from, begin, columns);
  if (row < 0 || row >= p.height || begin == end) return fill_all();
  if (end - begin < columns) fill_all();
  const int8_t* x = p.x + 4 * (row * p.width + from);
  int64_t i = begin;
  for (; i + 4 <= end; i += 4) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(line + 4 * i),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + 4 * i)));
  }
  for (; i < end; i++) __builtin_memcpy(line + 4 * i, x + 4 * i, 4);
}

// S: the stride. columns: a multiple of four.
template <int S>
SCT_INLINE void pair_line(const int8_t* upper, const int8_t* lower, int64_t columns, int16_t* to) {
  for (int64_t j = 0; j < columns; j += 4) {
    const auto wide = [&](const int8_t* line) {
      return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(line + 4 * j)));
    };
    const __m256i a = wide(upper), b = wide(lower);
    const __m256i even = _mm256_unpacklo_epi16(a, b), odd = _mm256_unpackhi_epi16(a, b);
    if constexpr (S == 2) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 4 * j), even);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 4 * (j + kLineColumns)), odd);
    } else {
      auto* at = reinterpret_cast<__m256i*>(to + 8 * j);
      _mm256_storeu_si256(at, _mm256_permute2x128_si256(even, odd, 0x20));
      _mm256_storeu_si256(at + 1, _mm256_permute2x128_si256(even, odd, 0x31));
    }
  }
}

struct Filter3x3 {
  __m256i pair[3], lowest[3];  // of the window's columns
  __m256i bias;
  Rescale to;

  explicit Filter3x3(const DepthwiseI8Band& b) : bias(both(b.bias)), to(b) {
    // [taps][channels] of a row of the window, then two rows side by side, in both lanes.
    const __m128i turned = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const auto row = [&](int r) {
      const auto* w = reinterpret_cast<const __m128i*>(b.weight + 16 * r);
      return _mm_shuffle_epi8(_mm_loadu_si128(w), turned);
    };
    const auto taps = [](__m128i upper, __m128i lower, __m256i(&to)[3]) {
      const __m256i two = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(upper, lower));
      const __m256i last = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(upper, lower));
      to[0] = _mm256_permute2x128_si256(two, two, 0x00);
      to[1] = _mm256_permute2x128_si256(two, two, 0x11);
      to[2] = _mm256_permute2x128_si256(last, last, 0x00);
    };
    taps(row(0), row(1), pair);
    taps(row(2), _mm_setzero_si128(), lowest);
  }
};

// Where column S * j + dx of a pair line stands, in i16.
template <int S>
constexpr int64_t place(int dx) {
  return S == 1 ? 8 * dx : 8 * (dx / 2) + dx % 2 * 4 * kLineColumns;
}

template <int S>
SCT_INLINE void output_row(const Filter3x3& filter, const int16_t* upper, const int16_t* lower,
                           int64_t columns, int8_t* y) {
  const Filter3x3 f = filter;
  for (int64_t j = 0; j < columns; j += kStep) {
    __m256i sum[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) {
      const auto products = [&](const int16_t* line, int dx, __m256i w) {
        const auto* x = reinterpret_cast<const __m256i*>(line + 8 * (j + 2 * v) + place<S>(dx));
        return _mm256_madd_epi16(_mm256_loadu_si256(x), w);
      };
      sum[v] = f.bias;
#pragma GCC unroll 3
      for (int dx = 0; dx < 3; dx++) {
        sum[v] = _mm256_add_epi32(sum[v], products(upper, dx, f.pair[dx]));
        sum[v] = _mm256_add_epi32(sum[v], products(lower, dx, f.lowest[dx]));
      }
    }
    int8_t last[4 * kStep];
    const int64_t left = columns - j;
    rescale(sum[0], sum[1], sum[2], sum[3], f.to, left >= kStep ? y + 4 * j : last);
    if (left < kStep) std::memcpy(y + 4 * j, last, static_cast<size_t>(4 * left));
  }
}

template <int S>
void run_plane(const DepthwiseI8Plane& p) {
  alignas(32) int16_t pairs[3][8 * kLineColumns];
  alignas(32) int8_t rows[2][4 * kLineColumns];
  const Filter3x3 filter(p.band);
  constexpr int64_t kLower = 3 - S;  // pair lines from an output row's upper one to its lower
  for (int64_t j = 0; j < p.out_width; j += kStripColumns) {
    const int64_t columns = std::min(kStripColumns, p.out_width - j);
    const int64_t steps =
        (columns + kStep - 1) / kStep;  // the last reads what all its columns would
    const int64_t of_input = ((steps * kStep - 1) * S + 3 + 3) / 4 * 4;
    const int64_t top = p.first * S - p.pad_top, left = j * S - p.pad_left;
    const auto copy = [&](int64_t row, int at) { copy_line(p, row, left, of_input, rows[at]); };
    if (S == 1) copy(top, 0);
    for (int64_t q = 0; q < p.rows + kLower; q++) {
      if constexpr (S == 1) {
        copy(top + q + 1, (q + 1) % 2);
        pair_line<S>(rows[q % 2], rows[(q + 1) % 2], of_input, pairs[q % 3]);
      } else {
        copy(top + 2 * q, 0);
        copy(top + 2 * q + 1, 1);
        pair_line<S>(rows[0], rows[1], of_input, pairs[q % 3]);
      }
      const int64_t i = q - kLower;
      if (i < 0) continue;
      output_row<S>(filter, pairs[i % 3], pairs[q % 3], columns,
                    p.band.y + 4 * (i * p.out_width + j));
    }
  }
}

void plane3x3(const DepthwiseI8Plane& p) { p.stride == 2 ? run_plane<2>(p) : run_plane<1>(p); }

}  // namespace
}  // namespace secateur
