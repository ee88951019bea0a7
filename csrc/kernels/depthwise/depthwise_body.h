// Depthwise convolution over the vector interface of kernels/simd; depthwise.h has the equation and
// the buffer's layout. SCT_ISA names the instruction set.
//
// Specialised kernels: a block of R = 4 output rows by one vector of columns. All K^2 weights stay
// in registers where there are 32 of them (25 + 4 accumulators + 1 input for 5x5; AVX2 keeps the
// 5x5 weights in memory), and each input vector is loaded once and feeds up to min(K, R) rows:
// ((R - 1) S + K) K loads for R K^2 multiply-adds, 18 for 36 at 3x3 stride 1. Bound by FMA on cores
// with two loads a cycle. Rows that are no multiple of the vector end in a vector that overlaps the
// one before; rows shorter than a vector are stored in part.
#include "kernels/depthwise/tables.h"

namespace secateur {
namespace {
using namespace simd;

// The copies below write nothing but zeros beside the row's own columns (what `load_n` leaves in
// the lanes past the last), so the padding that the caller zeroed stays zero from plane to plane.

inline void copy_row(const float* x, float* to, int64_t width) {
  if (width < kLanes) {
    store(to, load_n(x, static_cast<int>(width)));
    return;
  }
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) store(to + i, load(x + i));
  if (i < width) store(to + width - kLanes, load(x + width - kLanes));
}

inline void split_row(const float* x, float* even, float* odd, int64_t width) {
  Vec e, o;
  int64_t i = 0;
  for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
    load_even_odd(x + i, &e, &o);
    store(even + i / 2, e);
    store(odd + i / 2, o);
  }
  if (i < width) {
    const int rest = static_cast<int>(width - i);
    const Vec hi = rest > kLanes ? load_n(x + i + kLanes, rest - kLanes) : zero();
    deinterleave(load_n(x + i, rest), hi, &e, &o);
    store(even + i / 2, e);
    store(odd + i / 2, o);
  }
}

// With four lanes rows are many vectors, and loops over single ones cost more than the copies: the
// same by groups of N vectors, the last group of a row ending where the row does (it may overlap
// the one before). A row of 112 takes 60 instructions instead of 140, one of 14 takes 13 instead of
// 40.
template <int N>
inline void copy_rows(const float* x, int64_t width, float* to, int64_t pitch, int64_t rows) {
  constexpr int kGroup = N * kLanes;
  const auto group = [](const float* from, float* out) __attribute__((always_inline)) {
    Vec v[N];
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) v[i] = load(from + i * kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) store(out + i * kLanes, v[i]);
  };
  for (; rows > 0; --rows, x += width, to += pitch) {
    const float *in = x, *last = x + width - kGroup;
    float* out = to;
    for (; in < last; in += kGroup, out += kGroup) group(in, out);
    group(last, to + width - kGroup);
  }
}

// Rows of N vectors, the last one ending with the row.
template <int N>
inline void copy_short_rows(const float* x, int64_t width, float* to, int64_t pitch, int64_t rows) {
  const int64_t last = width - kLanes;
  for (; rows > 0; --rows, x += width, to += pitch) {
    Vec v[N];
#pragma GCC unroll 4
    for (int i = 0; i < N - 1; ++i) v[i] = load(x + i * kLanes);
    v[N - 1] = load(x + last);
#pragma GCC unroll 4
    for (int i = 0; i < N - 1; ++i) store(to + i * kLanes, v[i]);
    store(to + last, v[N - 1]);
  }
}

// Even widths: a pair of vectors at a time, the last pair ending with the row. (Two pairs at a time
// cost more: GCC moves the registers of one pair out of the way of the other.)
inline void split_rows(const float* x, int64_t width, float* even, float* odd, int64_t pitch,
                       int64_t rows) {
  constexpr int kPair = 2 * kLanes;
  const int64_t last_half = (width - kPair) / 2;
  for (; rows > 0; --rows, x += width, even += pitch, odd += pitch) {
    Vec e, o;
    const float *in = x, *last = x + width - kPair;
    float *to_even = even, *to_odd = odd;
    for (; in < last; in += kPair, to_even += kLanes, to_odd += kLanes) {
      load_even_odd(in, &e, &o);
      store(to_even, e);
      store(to_odd, o);
    }
    load_even_odd(last, &e, &o);
    store(even + last_half, e);
    store(odd + last_half, o);
  }
}

// True when one of the above has copied the rows.
inline bool fill_by_groups(const DepthwiseFill& f, const float* x, float* row, int64_t rows) {
  if (kLanes != 4) return false;
  const int64_t width = f.width, left = f.pad_left, row_pitch = f.row_pitch;
  if (f.stride_w == 1 && width > kLanes) {
    float* to = row + left;
    if (width >= 4 * kLanes) {
      copy_rows<4>(x, width, to, row_pitch, rows);
    } else if (width > 3 * kLanes) {
      copy_short_rows<4>(x, width, to, row_pitch, rows);
    } else if (width > 2 * kLanes) {
      copy_short_rows<3>(x, width, to, row_pitch, rows);
    } else {
      copy_short_rows<2>(x, width, to, row_pitch, rows);
    }
    return true;
  }
  if (f.stride_w == 2 && width % 2 == 0 && width >= 2 * kLanes) {
    float* even = row + (left & 1) * f.phase_pitch + left / 2;
    float* odd = row + ((left + 1) & 1) * f.phase_pitch + (left + 1) / 2;
    split_rows(x, width, even, odd, row_pitch, rows);
    return true;
  }
  return false;
}

void fill(const DepthwiseFill& f) {
  const int64_t width = f.width, left = f.pad_left, pitch = f.phase_pitch;
  // The plane's rows among those asked for.
  const int64_t begin = f.first_row < 0 ? -f.first_row : 0;
  const int64_t below = f.height - f.first_row;
  const int64_t end = below < f.rows ? (below > begin ? below : begin) : f.rows;
  if (f.clear_rows) {
    for (int64_t i = 0; i < f.rows; ++i) {
      if (i >= begin && i < end) continue;
      float* row = f.buffer + i * f.row_pitch;
      for (int64_t p = 0; p < f.row_pitch; p += kLanes) store(row + p, zero());
    }
  }
  const float* x = f.x + (f.first_row + begin) * width;
  float* row = f.buffer + begin * f.row_pitch;
  if (fill_by_groups(f, x, row, end - begin)) return;
  if (f.stride_w == 1) {
    for (int64_t i = begin; i < end; ++i, x += width, row += f.row_pitch) {
      copy_row(x, row + left, width);
    }
  } else if (f.stride_w == 2 && kLanes > 1) {
    float* even = row + (left & 1) * pitch + left / 2;
    float* odd = row + ((left + 1) & 1) * pitch + (left + 1) / 2;
    for (int64_t i = begin; i < end; ++i, x += width, even += f.row_pitch, odd += f.row_pitch) {
      split_row(x, even, odd, width);
    }
  } else {
    for (int64_t i = begin; i < end; ++i, x += width, row += f.row_pitch) {
      int64_t phase = left % f.stride_w, at = left / f.stride_w;
      for (int64_t p = 0; p < width; ++p) {
        row[phase * pitch + at] = x[p];
        if (++phase == f.stride_w) {
          phase = 0;
          ++at;
        }
      }
    }
  }
}

// `rows_left`: of the band, from this block's first row.
template <int K, int S, int R>
inline __attribute__((always_inline)) void block_rows(const DepthwiseBand& b, const float* in,
                                                      float* y, int64_t rows_left,
                                                      const Vec (&w)[K * K]) {
  const int64_t width = b.out_width;
  // 5x5 weights, sums and an input take 30 of 32 registers: what else is needed is read again.
  constexpr bool kKeep = K * K + R + 4 <= kRegisters;
  const Vec kept[3] = {splat(b.bias), splat(b.lo), splat(b.hi)};
  constexpr int kRows = (R - 1) * S + K;
  // Row pointers kept across columns: 83 instructions instead of 101 per 36 multiply-adds on
  // AArch64, 8% faster on AVX2, but 15% slower on AVX-512, where GCC turns them into an index of
  // every load (Zen 4, 3x3s1 at 112x112). What did not help: rows from the middle outwards, which
  // keeps multiply-adds into one sum apart.
  constexpr bool kRowPointers = kLanes < 16;
  const float* row[kRows];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) row[i] = in + i * b.row_pitch;
  // AArch64 adds two registers in a load: one offset per kernel column, one pointer per row.
  int64_t offset[K];
  const auto column = [&](int64_t c, Vec * sum) __attribute__((always_inline)) {
    if (kLanes == 4) {
#pragma GCC unroll 8
      for (int s = 0; s < K; ++s) offset[s] = (c + (s % S) * b.phase_pitch + s / S) * 4;
    }
    const Vec bias = kKeep ? kept[0] : splat(b.bias);
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) sum[j] = bias;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* x_row = (kRowPointers ? row[i] : in + i * b.row_pitch) + c;
      Vec row_x[K];  // loaded ahead of their use, for cores that run in order
      if (kLanes == 4) {
#pragma GCC unroll 8
        for (int s = 0; s < K; ++s) row_x[s] = load_at(row[i], offset[s]);
      }
#pragma GCC unroll 8
      for (int s = 0; s < K; ++s) {
        const Vec x = kLanes == 4 ? row_x[s] : load(x_row + (s % S) * b.phase_pitch + s / S);
#pragma GCC unroll 8
        for (int j = 0; j < R; ++j) {
          const int r = i - j * S;
          if (r >= 0 && r < K) sum[j] = fma(x, w[r * K + s], sum[j]);
        }
      }
    }
    const Vec lo = kKeep ? kept[1] : splat(b.lo), hi = kKeep ? kept[2] : splat(b.hi);
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) sum[j] = at_most(at_least(sum[j], lo), hi);
  };
  Vec sum[R];
  if (width < kLanes) {
    column(0, sum);
    // A whole vector spills into the rows below, which this call writes later: only the band's last
    // rows are stored in part.
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) {
      if ((rows_left - j) * width >= kLanes) {
        store(y + j * width, sum[j]);
      } else {
        store_n(y + j * width, sum[j], static_cast<int>(width));
      }
    }
    return;
  }
  const int64_t last = width - kLanes;
  float* out[R];
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j) out[j] = y + j * width;
  for (int64_t c = 0;;) {
    column(c, sum);
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) {
      if (kLanes == 4) {
        store_at(out[j], c * 4, sum[j]);
      } else {
        store(y + j * width + c, sum[j]);
      }
    }
    if (c == last) break;
    c = c + kLanes < last ? c + kLanes : last;
  }
}

// On AArch64 programs are small before all: rows left over go one by one, as do the scalar
// kernels'.
constexpr bool kFewRows = kLanes <= 4;

template <int K, int S>
void square(const DepthwiseBand& b) {
  Vec w[K * K];
#pragma GCC unroll 32
  for (int t = 0; t < K * K; ++t) w[t] = splat(b.weight[t]);
  const float* in = b.buffer;
  float* y = b.y;
  int64_t rows = b.out_rows;
  for (; rows >= 4; rows -= 4) {
    block_rows<K, S, 4>(b, in, y, rows, w);
    in += 4 * S * b.row_pitch;
    y += 4 * b.out_width;
  }
  if constexpr (kFewRows) {
    for (; rows > 0; --rows) {
      block_rows<K, S, 1>(b, in, y, rows, w);
      in += S * b.row_pitch;
      y += b.out_width;
    }
  } else {
    if (rows == 3) block_rows<K, S, 3>(b, in, y, rows, w);
    if (rows == 2) block_rows<K, S, 2>(b, in, y, rows, w);
    if (rows == 1) block_rows<K, S, 1>(b, in, y, rows, w);
  }
}

// Any window: R output rows by V vectors of columns, a weight and its offset read per tap: 1 + R V
// loads for R V multiply-adds.
template <int R, int V>
inline __attribute__((always_inline)) void generic_tile(const DepthwiseBand& b, const float* in,
                                                        float* y, int lanes) {
  const int64_t row = b.stride_h * b.row_pitch;
  Vec sum[R][V];
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[j][v] = splat(b.bias);
  }
  for (int64_t t = 0; t < b.taps; ++t) {
    const Vec w = splat(b.weight[t]);
    const float* x = in + b.tap_offset[t];
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        sum[j][v] = fma(load(x + j * row + v * kLanes), w, sum[j][v]);
      }
    }
  }
  const Vec lo = splat(b.lo), hi = splat(b.hi);
#pragma GCC unroll 8
  for (int j = 0; j < R; ++j) {
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      const Vec out = at_most(at_least(sum[j][v], lo), hi);
      float* to = y + j * b.out_width + v * kLanes;
      if (lanes == kLanes) {
        store(to, out);
      } else {
        store_n(to, out, lanes);
      }
    }
  }
}

template <int R>
void generic_rows(const DepthwiseBand& b, const float* in, float* y) {
  const int64_t width = b.out_width;
  int64_t c = 0;
  for (; c + 2 * kLanes <= width; c += 2 * kLanes) generic_tile<R, 2>(b, in + c, y + c, kLanes);
  if (c + kLanes <= width) {
    generic_tile<R, 1>(b, in + c, y + c, kLanes);
    c += kLanes;
  }
  if (c < width && width >= kLanes) {
    c = width - kLanes;
    generic_tile<R, 1>(b, in + c, y + c, kLanes);
  } else if (c < width) {
    generic_tile<R, 1>(b, in, y, static_cast<int>(width));
  }
}

void generic(const DepthwiseBand& b) {
  int64_t i = 0;
  for (; i + 4 <= b.out_rows; i += 4) {
    generic_rows<4>(b, b.buffer + i * b.stride_h * b.row_pitch, b.y + i * b.out_width);
  }
  for (; i < b.out_rows; ++i) {
    generic_rows<1>(b, b.buffer + i * b.stride_h * b.row_pitch, b.y + i * b.out_width);
  }
}

// With four lanes planes are read in place at 3x3 stride 1 (direct_neon.cc); what is left of them
// is rare.
template <int K, int S>
constexpr DepthwiseFn band_of() {
  if constexpr (kLanes == 4 && K == 3 && S == 1) return generic;
  return square<K, S>;
}

}  // namespace

#define SCT_STRING_OF(x) #x
#define SCT_STRING(x) SCT_STRING_OF(x)
namespace SCT_ISA {
const DepthwiseKernels depthwise = {
    fill,
    kLanes,
    {0, 0, SCT_STRING(SCT_ISA) " generic", generic},
    {
#define SCT_DEPTHWISE(k, s) {k, s, SCT_STRING(SCT_ISA) " " #k "x" #k "s" #s, band_of<k, s>()},
#include "kernels/depthwise/kernels.inc"
    },
};
}  // namespace SCT_ISA
#undef SCT_STRING
#undef SCT_STRING_OF

}  // namespace secateur
