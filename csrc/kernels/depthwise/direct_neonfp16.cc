// Depthwise 3x3 of f16 for FEAT_FP16, read from the plane in place: direct_neon.cc with eight
// columns to a vector. Rows of up to eight columns are one vector, both ends of the row at once;
// its lanes behind the row belong to the next, and are written before that is.
//
// Sums are of f16: each of nine multiply-adds rounds once, in the order of the filter.
// Instructions of a step: stride 1, two vectors, 212; one vector, 120; stride 2, 139. Bound by the
// vector units, as there.
#include <arm_fp16.h>
#include <arm_neon.h>

#include "kernels/depthwise/depthwise_f16.h"
#include "kernels/simd/neon_asm.h"

namespace secateur {
namespace {

using Vec = float16x8_t;
constexpr int kRows = 7;  // of the output, at a time
constexpr int kLanes = 8;

alignas(64) uint16_t zero_row[kDepthwiseF16Width + kLanes];  // never written

SCT_INLINE Vec load_one(const uint16_t* p) { return vreinterpretq_f16_u16(vld1q_u16(p)); }
SCT_INLINE void store_one(uint16_t* p, Vec v) { vst1q_u16(p, vreinterpretq_u16_f16(v)); }
SCT_INLINE Vec splat(uint16_t bits) { return vreinterpretq_f16_u16(vdupq_n_u16(bits)); }

// V vectors at p, which moves on by `bytes`.
template <int V>
SCT_INLINE void load(const uint16_t*& p, int64_t bytes, Vec (&x)[V]) {
#if SCT_NO_ASM
#pragma GCC unroll 2
  for (int v = 0; v < V; v++) x[v] = load_one(p + kLanes * v);
  p = reinterpret_cast<const uint16_t*>(reinterpret_cast<const char*>(p) + bytes);
#else
  if constexpr (V == 2) {
    float16x8x2_t two;
    asm("ld1 {%S0.8h - %T0.8h}, [%1], %2" : "=w"(two), "+r"(p) : "r"(bytes), SCT_READS(p));
    x[0] = two.val[0];
    x[1] = two.val[1];
  } else {
    asm("ld1 {%0.8h}, [%1], %2" : "=w"(x[0]), "+r"(p) : "r"(bytes), SCT_READS(p));
  }
#endif
}

// Even and odd columns of sixteen at p, which moves behind them.
SCT_INLINE float16x8x2_t load_halves_on(const uint16_t*& p) {
  float16x8x2_t two;
#if SCT_NO_ASM
  const uint16x8x2_t both = vld2q_u16(p);
  two = {{vreinterpretq_f16_u16(both.val[0]), vreinterpretq_f16_u16(both.val[1])}};
  p += 2 * kLanes;
#else
  asm("ld2 {%S0.8h - %T0.8h}, [%1], #32" : "=w"(two), "+r"(p) : SCT_READS(p));
#endif
  return two;
}

// V vectors to p, which moves behind them.
template <int V>
SCT_INLINE void store_on(uint16_t*& p, const Vec (&x)[V]) {
#if SCT_NO_ASM
#pragma GCC unroll 2
  for (int v = 0; v < V; v++) store_one(p + kLanes * v, x[v]);
  p += kLanes * V;
#else
  if constexpr (V == 2) {
    asm("stp %q2, %q3, [%1], #32" : SCT_WRITES(p, 32), "+r"(p) : "w"(x[0]), "w"(x[1]));
  } else {
    asm("str %q2, [%1], #16" : SCT_WRITES(p, 16), "+r"(p) : "w"(x[0]));
  }
#endif
}

// Each lane takes its left neighbour; lane 0 of x[0] the last lane of `before`.
template <int V>
SCT_INLINE void shift_in(Vec before, const Vec (&x)[V], Vec (&to)[V]) {
  to[0] = vextq_f16(before, x[0], 7);
  if constexpr (V == 2) to[1] = vextq_f16(x[0], x[1], 7);
}

// Each lane takes its right neighbour; the last one lane 0 of `after`.
template <int V>
SCT_INLINE void shift_out(const Vec (&x)[V], Vec after, Vec (&to)[V]) {
  if constexpr (V == 2) to[0] = vextq_f16(x[0], x[1], 1);
  to[V - 1] = vextq_f16(x[V - 1], after, 1);
}

// Where the columns of a step stand in their rows; whole: a row of one vector or less.
enum class At { first, middle, last, whole };

struct Filter {
  Vec w[2];  // nine taps
  Vec bias, lo, hi;
  Vec inside;  // of a whole row: all bits of the lanes that are its columns
};

SCT_INLINE Vec keep(Vec x, Vec lanes) {
  return vreinterpretq_f16_u16(vandq_u16(vreinterpretq_u16_f16(x), vreinterpretq_u16_f16(lanes)));
}

// The taps of V vectors of output columns in one input row. p is at input column
//   stride 1: c - 1 (at the first, 0)      stride 2: 2 c
// of output column c, and moves on to that of column c + 8 V.
template <int S, int V, At kAt>
SCT_INLINE void load_taps(const Filter& f, const uint16_t*& p, Vec (&x)[3][V]) {
  const Vec zero = splat(0);
  if constexpr (S == 1) {
    constexpr int64_t kRest = 16 * V - 4;
    if constexpr (kAt == At::whole) {
      x[1][0] = keep(load_one(p), f.inside);
      shift_in<V>(zero, x[1], x[0]);
      shift_out<V>(x[1], zero, x[2]);
    } else if constexpr (kAt == At::first) {
      load<V>(p, 2, x[1]);
      load<V>(p, kRest, x[2]);
      shift_in<V>(zero, x[1], x[0]);
    } else if constexpr (kAt == At::last) {
      load<V>(p, 2, x[0]);
      load<V>(p, 2, x[1]);
      shift_out<V>(x[1], zero, x[2]);
    } else {
      load<V>(p, 2, x[0]);
      load<V>(p, 2, x[1]);
      load<V>(p, kRest, x[2]);
    }
  } else {
    Vec before = zero;
    if constexpr (kAt == At::middle) before = load_one(p - kLanes);
    const float16x8x2_t both = load_halves_on(p);
    x[1][0] = both.val[0];
    x[2][0] = both.val[1];
    shift_in<V>(before, x[2], x[0]);
  }
}

template <int V>
SCT_INLINE void multiply(Vec (&sum)[V], const Vec (&x)[V], const Filter& f, int t) {
  const Vec w = f.w[t / 8];
#pragma GCC unroll 2
  for (int v = 0; v < V; v++) {
    switch (t % 8) {
      case 0:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 0);
        break;
      case 1:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 1);
        break;
      case 2:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 2);
        break;
      case 3:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 3);
        break;
      case 4:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 4);
        break;
      case 5:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 5);
        break;
      case 6:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 6);
        break;
      default:
        sum[v] = vfmaq_laneq_f16(sum[v], x[v], w, 7);
    }
  }
}

// One step: seven rows by 8 V columns. in, y: one pointer a row, moved on by the step. last_lanes:
// of the seventh row, where the lanes behind it are not this call's to write.
template <int S, int V, At kAt>
SCT_INLINE void step(const Filter& f, const uint16_t** in, uint16_t** y, int64_t last_lanes) {
  Vec sum[kRows][V];
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) {
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) sum[j][v] = f.bias;
  }
#pragma GCC unroll 16
  for (int i = 0; i < (kRows - 1) * S + 3; i++) {
    Vec x[3][V];
    load_taps<S, V, kAt>(f, in[i], x);
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
    for (int v = 0; v < V; v++) sum[j][v] = vminq_f16(vmaxq_f16(sum[j][v], f.lo), f.hi);
    if (kAt == At::whole && j == kRows - 1 && last_lanes < kLanes) {
      uint16_t lanes[kLanes];
      store_one(lanes, sum[j][0]);
      for (int64_t i = 0; i < last_lanes; i++) y[j][i] = lanes[i];
    } else {
      store_on<V>(y[j], sum[j]);
    }
  }
}

// Seven output rows from `row` of the call on.
template <int S, int V, bool kWhole>
SCT_INLINE void rows(const DepthwiseF16Planes& p, const Filter& filter, int64_t row) {
  const Filter f = filter;
  const int64_t width = p.out_width;
  constexpr int kInRows = (kRows - 1) * S + 3, kStep = kLanes * V;
  const uint16_t* in[kInRows];
  const int64_t top = (p.first_row + row) * S - p.pad_top;
#pragma GCC unroll 16
  for (int i = 0; i < kInRows; i++) {
    const bool inside = top + i >= 0 && top + i < p.height;
    in[i] = inside ? p.x + (top + i) * p.width : zero_row;
  }
  uint16_t* y[kRows];
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) y[j] = p.y + (row + j) * p.out_width;
  if constexpr (kWhole) {
    // Behind the plane's last row lanes are nobody's; behind another's they are the next row's,
    // which is a later step's or another thread's.
    const bool theirs = row + kRows == p.out_rows && p.first_row + p.out_rows < p.out_height;
    step<S, V, At::whole>(f, in, y, theirs ? width : kLanes);
    return;
  }
  step<S, V, At::first>(f, in, y, kLanes);
  int64_t c = kStep;
  for (; c <= width - kStep - (S == 1); c += kStep) step<S, V, At::middle>(f, in, y, kLanes);
  if (c == width) return;
  const int64_t back = c - (width - kStep);  // the last step ends with the row
#pragma GCC unroll 16
  for (int i = 0; i < kInRows; i++) in[i] -= back * S;
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) y[j] -= back;
  step<S, V, S == 1 ? At::last : At::middle>(f, in, y, kLanes);
}

// Not inline, and unscheduled, for direct_neon.cc's reasons.
#if defined(__GNUC__) && !defined(__clang__)
#define SCT_UNSCHEDULED __attribute__((optimize("no-schedule-insns")))
#else
#define SCT_UNSCHEDULED
#endif

template <int V, bool kWhole>
__attribute__((noinline)) SCT_UNSCHEDULED void rows_s1(const DepthwiseF16Planes& p, const Filter& f,
                                                       int64_t row) {
  rows<1, V, kWhole>(p, f, row);
}

template <bool kWhole>
__attribute__((noinline)) SCT_UNSCHEDULED void rows_s2(const DepthwiseF16Planes& p, const Filter& f,
                                                       int64_t row) {
  rows<2, 1, kWhole>(p, f, row);
}

float16_t number(uint16_t bits) { return vgetq_lane_f16(splat(bits), 0); }

// A band of fewer than seven rows: a thread's share of a low plane. The same roundings.
void plain(const DepthwiseF16Planes& p, int stride) {
  for (int64_t i = 0; i < p.out_rows; i++) {
    for (int64_t j = 0; j < p.out_width; j++) {
      float16_t sum = number(*p.bias);
      for (int t = 0; t < 9; t++) {
        const int64_t r = (p.first_row + i) * stride - p.pad_top + t / 3;
        const int64_t s = j * stride - 1 + t % 3;
        const bool inside = r >= 0 && r < p.height && s >= 0 && s < p.width;
        sum = vfmah_f16(sum, number(inside ? p.x[r * p.width + s] : uint16_t{0}),
                        number(p.weight[t]));
      }
      sum = vminh_f16(vmaxh_f16(sum, number(p.lo)), number(p.hi));
      p.y[i * p.out_width + j] = vget_lane_u16(vreinterpret_u16_f16(vdup_n_f16(sum)), 0);
    }
  }
}

template <int S, int V, bool kWhole>
void direct(const DepthwiseF16Planes& given) {
  DepthwiseF16Planes p = given;
  Filter f;
  f.lo = splat(p.lo);
  f.hi = splat(p.hi);
  uint16_t lanes[kLanes];
  for (int i = 0; i < kLanes; i++) lanes[i] = i < p.width ? 0xffff : 0;
  f.inside = load_one(lanes);
  for (; p.planes > 0; p.planes--) {
    f.w[0] = load_one(p.weight);
    f.w[1] = splat(p.weight[8]);
    f.bias = splat(*p.bias);
    const int64_t last = p.out_rows - kRows;
    if (last < 0) plain(p, S);
    for (int64_t row = 0; row <= last;) {
      S == 1 ? rows_s1<V, kWhole>(p, f, row) : rows_s2<kWhole>(p, f, row);
      if (row == last) break;
      row = row + kRows < last ? row + kRows : last;  // the last rows may overlap those before
    }
    p.x += p.x_stride;
    p.y += p.y_stride;
    p.weight += 9;
    p.bias++;
  }
}

}  // namespace

void depthwise_f16_neonfp16_3x3s1(const DepthwiseF16Planes& p) {
  p.out_width <= 8    ? direct<1, 1, true>(p)
  : p.out_width <= 16 ? direct<1, 1, false>(p)
                      : direct<1, 2, false>(p);
}

void depthwise_f16_neonfp16_3x3s2(const DepthwiseF16Planes& p) {
  p.out_width <= 8 ? direct<2, 1, true>(p) : direct<2, 1, false>(p);
}

}  // namespace secateur
