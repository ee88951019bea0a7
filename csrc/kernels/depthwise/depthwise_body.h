// Depthwise convolution over the vector interface of kernels/simd; depthwise.h has the equation and
// the buffer's layout. SECATEUR_ISA names the instruction set.
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

// Copies or splits one row; the lanes behind it are overwritten, then the padding is written.
inline void fill_row(const DepthwiseFill& f, const float* x, float* row) {
  const int64_t width = f.width, left = f.pad_left;
  if (f.stride_w == 1) {
    float* to = row + left;
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) store(to + i, load(x + i));
    if (i < width) store(to + i, load_n(x + i, static_cast<int>(width - i)));
    for (int64_t p = 0; p < left; ++p) row[p] = 0;
    for (int64_t p = left + width; p < f.padded_width; ++p) row[p] = 0;
    return;
  }
  if (f.stride_w == 2 && kLanes > 1) {
    float* even = row + (left & 1) * f.phase_pitch + left / 2;
    float* odd = row + ((left + 1) & 1) * f.phase_pitch + (left + 1) / 2;
    Vec e, o;
    int64_t i = 0;
    for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
      deinterleave(load(x + i), load(x + i + kLanes), &e, &o);
      store(even + i / 2, e);
      store(odd + i / 2, o);
    }
    if (i < width) {
      const int rest = static_cast<int>(width - i);
      deinterleave(load_n(x + i, rest),
                   rest > kLanes ? load_n(x + i + kLanes, rest - kLanes) : zero(), &e, &o);
      store(even + i / 2, e);
      store(odd + i / 2, o);
    }
  } else {
    int64_t p = left;
    for (int64_t i = 0; i < width; ++i, ++p) {
      row[(p % f.stride_w) * f.phase_pitch + p / f.stride_w] = x[i];
    }
  }
  for (int64_t p = 0; p < left; ++p) row[(p % f.stride_w) * f.phase_pitch + p / f.stride_w] = 0;
  for (int64_t p = left + width; p < f.padded_width; ++p) {
    row[(p % f.stride_w) * f.phase_pitch + p / f.stride_w] = 0;
  }
}

void fill(const DepthwiseFill& f) {
  for (int64_t i = 0; i < f.rows; ++i) {
    const int64_t source = f.first_row + i;
    float* row = f.buffer + i * f.row_pitch;
    if (source >= 0 && source < f.height) {
      fill_row(f, f.x + source * f.width, row);
    } else {
      for (int64_t p = 0; p < f.row_pitch; ++p) row[p] = 0;
    }
  }
}

template <int K, int S, int R>
inline __attribute__((always_inline)) void block_rows(const DepthwiseBand& b, const float* in,
                                                      float* y, const Vec (&w)[K * K]) {
  const Vec bias = splat(b.bias), lo = splat(b.lo), hi = splat(b.hi);
  const auto column = [&](int64_t c, int lanes) __attribute__((always_inline)) {
    Vec sum[R];
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) sum[j] = bias;
#pragma GCC unroll 16
    for (int i = 0; i < (R - 1) * S + K; ++i) {
      const float* row = in + i * b.row_pitch + c;
#pragma GCC unroll 8
      for (int s = 0; s < K; ++s) {
        const Vec x = load(row + (s % S) * b.phase_pitch + s / S);
#pragma GCC unroll 8
        for (int j = 0; j < R; ++j) {
          const int r = i - j * S;
          if (r >= 0 && r < K) sum[j] = fma(x, w[r * K + s], sum[j]);
        }
      }
    }
#pragma GCC unroll 8
    for (int j = 0; j < R; ++j) {
      const Vec v = at_most(at_least(sum[j], lo), hi);
      if (lanes == kLanes) {
        store(y + j * b.out_width + c, v);
      } else {
        store_n(y + j * b.out_width + c, v, lanes);
      }
    }
  };
  if (b.out_width < kLanes) {
    column(0, static_cast<int>(b.out_width));
    return;
  }
  const int64_t last = b.out_width - kLanes;
  for (int64_t c = 0;;) {
    column(c, kLanes);
    if (c == last) break;
    c = c + kLanes < last ? c + kLanes : last;
  }
}

template <int K, int S>
void square(const DepthwiseBand& b) {
  Vec w[K * K];
#pragma GCC unroll 32
  for (int t = 0; t < K * K; ++t) w[t] = splat(b.weight[t]);
  const float* in = b.buffer;
  float* y = b.y;
  int64_t rows = b.out_rows;
  for (; rows >= 4; rows -= 4) {
    block_rows<K, S, 4>(b, in, y, w);
    in += 4 * S * b.row_pitch;
    y += 4 * b.out_width;
  }
  if (rows & 2) {
    block_rows<K, S, 2>(b, in, y, w);
    in += 2 * S * b.row_pitch;
    y += 2 * b.out_width;
  }
  if (rows & 1) block_rows<K, S, 1>(b, in, y, w);
}

// Any window: one output row by four vectors, a weight and its offset read per tap: 5 loads for 4
// multiply-adds.
template <int V>
inline void generic_tile(const DepthwiseBand& b, const float* in, float* y, int lanes) {
  Vec sum[V];
  for (int v = 0; v < V; ++v) sum[v] = splat(b.bias);
  for (int64_t t = 0; t < b.taps; ++t) {
    const Vec w = splat(b.weight[t]);
    const float* x = in + b.tap_offset[t];
    for (int v = 0; v < V; ++v) sum[v] = fma(load(x + v * kLanes), w, sum[v]);
  }
  const Vec lo = splat(b.lo), hi = splat(b.hi);
  for (int v = 0; v < V; ++v) {
    const Vec out = at_most(at_least(sum[v], lo), hi);
    if (lanes == kLanes) {
      store(y + v * kLanes, out);
    } else {
      store_n(y + v * kLanes, out, lanes);
    }
  }
}

void generic(const DepthwiseBand& b) {
  for (int64_t i = 0; i < b.out_rows; ++i) {
    const float* in = b.buffer + i * b.stride_h * b.row_pitch;
    float* y = b.y + i * b.out_width;
    int64_t c = 0;
    for (; c + 4 * kLanes <= b.out_width; c += 4 * kLanes)
      generic_tile<4>(b, in + c, y + c, kLanes);
    for (; c + kLanes <= b.out_width; c += kLanes) generic_tile<1>(b, in + c, y + c, kLanes);
    if (c < b.out_width) generic_tile<1>(b, in + c, y + c, static_cast<int>(b.out_width - c));
  }
}

}  // namespace

#define SECATEUR_STRING_OF(x) #x
#define SECATEUR_STRING(x) SECATEUR_STRING_OF(x)
namespace SECATEUR_ISA {
const DepthwiseKernels depthwise = {
    fill,
    kLanes,
    {0, 0, SECATEUR_STRING(SECATEUR_ISA) " generic", generic},
    {
#define SECATEUR_DEPTHWISE(k, s) \
  {k, s, SECATEUR_STRING(SECATEUR_ISA) " " #k "x" #k "s" #s, square<k, s>},
#include "kernels/depthwise/kernels.inc"
    },
};
}  // namespace SECATEUR_ISA
#undef SECATEUR_STRING
#undef SECATEUR_STRING_OF

}  // namespace secateur
