// Depthwise 3x3 for AArch64, read from the plane in place: no padded copy is made. Rows outside the
// plane are a row of zeros; a column outside is a zero shifted into the row's first or last vector.
// depthwise.h has the equation and says which geometries are taken.
//
// Seven output rows (7 divides the heights 7, 14, ..., 112) by V vectors of columns at a time, each
// input vector loaded once for all the rows that it feeds, weights multiplied by lane.
// Registers: sum[7][V] | w[3] | taps of a row [3][V] | bias, lo, hi; a pointer per row.
//
// Stride 1, V = 2: a row's three taps are three loads of two vectors, each a column further on; at
// the ends of a row one of them is another shifted by a column. 212 instructions for 126 FMAs.
// Stride 2, V = 1: `ld2` takes even and odd columns apart, which are two of the taps; the third is
// the odd ones shifted by a column. 139 for 63. (V = 2 spills pointers: 313 for 126.)
// Bound by the vector units; cycles by llvm-mca-19 beside the bound:
//               A72 (-mcpu=cortex-a72)   A76 (-mcpu=neoverse-n1 -dispatch=8)
//   stride 1    165 / 164.5              95 / 94.5
//   stride 2    106 / 103                72 / 71.5     (ld2 takes vector slots too)
#include <arm_neon.h>

#include "kernels/depthwise/depthwise.h"
#include "kernels/simd/neon_asm.h"

namespace secateur {
namespace {

constexpr int kRows = 7;  // of the output, at a time

alignas(64) float zero_row[kDepthwiseDirectWidth];  // never written

// V vectors at p, which moves on by `bytes`.
template <int V>
SCT_INLINE void load(const float*& p, int64_t bytes, float32x4_t (&x)[V]) {
  if constexpr (V == 2) {
    const float32x4x2_t both = simd::load_two_on(p, bytes);
    x[0] = both.val[0];
    x[1] = both.val[1];
  } else {
    asm("ld1 {%0.4s}, [%1], %2" : "=w"(x[0]), "+r"(p) : "r"(bytes), SCT_READS(p));
  }
}

// Each lane takes its left neighbour; lane 0 of x[0] lane 3 of `before`.
template <int V>
SCT_INLINE void shift_in(float32x4_t before, const float32x4_t (&x)[V], float32x4_t (&to)[V]) {
  to[0] = vextq_f32(before, x[0], 3);
  if constexpr (V == 2) to[1] = vextq_f32(x[0], x[1], 3);
}

// Each lane takes its right neighbour; the last one lane 0 of `after`.
template <int V>
SCT_INLINE void shift_out(const float32x4_t (&x)[V], float32x4_t after, float32x4_t (&to)[V]) {
  if constexpr (V == 2) to[0] = vextq_f32(x[0], x[1], 1);
  to[V - 1] = vextq_f32(x[V - 1], after, 1);
}

// Where the columns of a step stand in their rows.
enum class At { first, middle, last };

// The taps of V vectors of output columns in one input row. p is at input column
//   stride 1: c - 1 (at the first, 0)      stride 2: 2 c
// of output column c, and moves on to that of column c + 4 V.
template <int S, int V, At kAt>
SCT_INLINE void load_taps(const float*& p, float32x4_t (&x)[3][V]) {
  const float32x4_t zero = vdupq_n_f32(0.0f);
  if constexpr (S == 1) {
    constexpr int64_t kRest = 16 * V - 8;
    if constexpr (kAt == At::first) {
      load<V>(p, 4, x[1]);
      load<V>(p, kRest, x[2]);
      shift_in<V>(zero, x[1], x[0]);
    } else if constexpr (kAt == At::last) {
      load<V>(p, 4, x[0]);
      load<V>(p, 4, x[1]);
      shift_out<V>(x[1], zero, x[2]);
    } else {
      load<V>(p, 4, x[0]);
      load<V>(p, 4, x[1]);
      load<V>(p, kRest, x[2]);
    }
  } else {
    float32x4_t before = zero;
    if constexpr (kAt != At::first) before = vld1q_f32(p - 4);
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      const float32x4x2_t both = simd::load_halves_on(p);
      x[1][v] = both.val[0];
      x[2][v] = both.val[1];
    }
    shift_in<V>(before, x[2], x[0]);
  }
}

struct Filter {
  float32x4_t w[3];  // nine taps
  float32x4_t bias, lo, hi;
};

template <int V>
SCT_INLINE void multiply(float32x4_t (&sum)[V], const float32x4_t (&x)[V], const Filter& f, int t) {
  const float32x4_t w = f.w[t / 4];
#pragma GCC unroll 2
  for (int v = 0; v < V; v++) {
    switch (t % 4) {
      case 0:
        sum[v] = vfmaq_laneq_f32(sum[v], x[v], w, 0);
        break;
      case 1:
        sum[v] = vfmaq_laneq_f32(sum[v], x[v], w, 1);
        break;
      case 2:
        sum[v] = vfmaq_laneq_f32(sum[v], x[v], w, 2);
        break;
      default:
        sum[v] = vfmaq_laneq_f32(sum[v], x[v], w, 3);
    }
  }
}

// One step: seven rows by 4 V columns. in, y: one pointer a row, moved on by the step.
template <int S, int V, At kAt>
SCT_INLINE void step(const Filter& f, const float** in, float** y) {
  float32x4_t sum[kRows][V];
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) {
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) sum[j][v] = f.bias;
  }
#pragma GCC unroll 16
  for (int i = 0; i < (kRows - 1) * S + 3; i++) {
    float32x4_t x[3][V];
    load_taps<S, V, kAt>(in[i], x);
#pragma GCC unroll 3
    for (int s = 0; s < 3; s++) {
#pragma GCC unroll 8
      for (int j = 0; j < kRows; j++) {
        const int r = i - j * S;
        if (r >= 0 && r < 3) multiply<V>(sum[j], x[s], f, 3 * r + s);
      }
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) {
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) sum[j][v] = vminq_f32(vmaxq_f32(sum[j][v], f.lo), f.hi);
    if constexpr (V == 2) {
      asm("stp %q2, %q3, [%1], #32"
          : SCT_WRITES(y[j], 32), "+r"(y[j])
          : "w"(sum[j][0]), "w"(sum[j][1]));
    } else {
      asm("str %q2, [%1], #16" : SCT_WRITES(y[j], 16), "+r"(y[j]) : "w"(sum[j][0]));
    }
  }
}

// Seven output rows from `row` of the call on.
template <int S, int V>
SCT_INLINE void rows(const DepthwisePlanes& p, const Filter& filter, int64_t row) {
  const Filter f = filter;
  const int64_t width = p.out_width;
  constexpr int kInRows = (kRows - 1) * S + 3, kStep = 4 * V;
  const float* in[kInRows];
  const int64_t top = (p.first_row + row) * S - p.pad_top;
#pragma GCC unroll 16
  for (int i = 0; i < kInRows; i++) {
    const bool inside = top + i >= 0 && top + i < p.height;
    in[i] = inside ? p.x + (top + i) * p.width : zero_row;
  }
  float* y[kRows];
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) y[j] = p.y + (row + j) * p.out_width;
  step<S, V, At::first>(f, in, y);
  int64_t c = kStep;
  if constexpr (S == 2 || V == 2) {  // else two steps are a row
    for (; c <= width - kStep - (S == 1); c += kStep) step<S, V, At::middle>(f, in, y);
  }
  if (c == width) return;
  const int64_t back = c - (width - kStep);  // the last step ends with the row
#pragma GCC unroll 16
  for (int i = 0; i < kInRows; i++) in[i] -= back * S;
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) y[j] -= back;
  step<S, V, S == 1 ? At::last : At::middle>(f, in, y);
}

// Not inline: their pointers take all general registers. GCC 12 schedules stride 2 into spills (185
// instructions a step instead of 139), and without scheduling moves stride 1's registers about (231
// instead of 212).
#if defined(__GNUC__) && !defined(__clang__)
#define SCT_UNSCHEDULED __attribute__((optimize("no-schedule-insns")))
#else
#define SCT_UNSCHEDULED
#endif

template <int V>
__attribute__((noinline)) void rows_s1(const DepthwisePlanes& p, const Filter& f, int64_t row) {
  rows<1, V>(p, f, row);
}

template <int V>
__attribute__((noinline)) SCT_UNSCHEDULED void rows_s2(const DepthwisePlanes& p, const Filter& f,
                                                       int64_t row) {
  rows<2, V>(p, f, row);
}

// A band of fewer than seven rows: a thread's share of a low plane.
void plain(const DepthwisePlanes& p, int stride, const Filter& f) {
  const float lo = vgetq_lane_f32(f.lo, 0), hi = vgetq_lane_f32(f.hi, 0);
  for (int64_t i = 0; i < p.out_rows; i++) {
    for (int64_t j = 0; j < p.out_width; j++) {
      float sum = vgetq_lane_f32(f.bias, 0);
      for (int t = 0; t < 9; t++) {
        const int64_t r = (p.first_row + i) * stride - p.pad_top + t / 3;
        const int64_t s = j * stride - p.pad_left + t % 3;
        const bool inside = r >= 0 && r < p.height && s >= 0 && s < p.width;
        sum = __builtin_fmaf(inside ? p.x[r * p.width + s] : 0.0f, p.weight[t], sum);
      }
      const float above = sum < lo ? lo : sum;
      p.y[i * p.out_width + j] = above > hi ? hi : above;
    }
  }
}

template <int S, int V>
void direct(const DepthwisePlanes& given) {
  DepthwisePlanes p = given;
  for (; p.planes > 0; p.planes--) {
    Filter f;
    f.w[0] = vld1q_f32(p.weight);
    f.w[1] = vld1q_f32(p.weight + 4);
    f.w[2] = vdupq_n_f32(p.weight[8]);
    f.bias = vdupq_n_f32(p.bias ? *p.bias++ : 0.0f);
    f.lo = vdupq_n_f32(p.lo);
    f.hi = vdupq_n_f32(p.hi);
    const int64_t last = p.out_rows - kRows;
    if (last < 0) plain(p, S, f);
    for (int64_t row = 0; row <= last;) {
      S == 1 ? rows_s1<V>(p, f, row) : rows_s2<V>(p, f, row);
      if (row == last) break;
      row = row + kRows < last ? row + kRows : last;  // the last rows may overlap those before
    }
    p.x += p.x_stride;
    p.y += p.y_stride;
    p.weight += 9;
  }
}

}  // namespace

// Rows of fewer than three vectors go by single ones.
void depthwise_direct_neon_3x3s1(const DepthwisePlanes& p) {
  p.out_width > 8 ? direct<1, 2>(p) : direct<1, 1>(p);
}

void depthwise_direct_neon_3x3s2(const DepthwisePlanes& p) { direct<2, 1>(p); }

}  // namespace secateur
