// Depthwise 3x3 for AArch64 over the vector interface, f32 or f16, read from the plane in place: no
// padded copy is made. Rows outside the plane are a row of zeros; a column outside is a zero
// shifted into the row's first or last vector. depthwise.h has the equation; direct_neon.cc and
// direct_neonfp16.cc include this and say which geometries they take, and, in SCT_STRIDE_1, how
// that is compiled.
//
// Seven output rows (7 divides the heights 7, 14, ..., 112) by V vectors of columns at a time, each
// input vector loaded once for all the rows that it feeds, weights multiplied by lane.
// Registers: sum[7][V] | w | taps of a row [3][V] | bias, lo, hi; a pointer per row.
//
// Stride 1: a row's three taps are three loads, each a column further on; at the ends of a row one
// of them is another shifted by a column. Stride 2, V = 1: `ld2` takes even and odd columns apart,
// which are two of the taps; the third is the odd ones shifted by a column.
#pragma once

#include "kernels/depthwise/depthwise.h"

namespace secateur {
namespace {

using namespace simd;

using DirectPlanes = DepthwisePlanesOf<Number>;

constexpr int kRows = 7;  // of the output, at a time

alignas(64) Number zero_row[kDepthwiseDirectWidth + kLanes];  // never written

// V vectors at p, which moves on by `bytes`.
template <int V>
SCT_INLINE void load_on(const Number*& p, int64_t bytes, Vec (&x)[V]) {
  if constexpr (V == 2) {
    const VecTwo both = load_two_on(p, bytes);
    x[0] = both.val[0];
    x[1] = both.val[1];
  } else {
    x[0] = load_one_on(p, bytes);
  }
}

// Each lane takes its left neighbour; lane 0 of x[0] the last lane of `before`.
template <int V>
SCT_INLINE void shift_in(Vec before, const Vec (&x)[V], Vec (&to)[V]) {
  to[0] = from_left(before, x[0]);
  if constexpr (V == 2) to[1] = from_left(x[0], x[1]);
}

// Each lane takes its right neighbour; the last one lane 0 of `after`.
template <int V>
SCT_INLINE void shift_out(const Vec (&x)[V], Vec after, Vec (&to)[V]) {
  if constexpr (V == 2) to[0] = from_right(x[0], x[1]);
  to[V - 1] = from_right(x[V - 1], after);
}

// Where the columns of a step stand in their rows; whole: a row of one vector or less.
enum class At { first, middle, last, whole };

struct Filter {
  Vec w[8 / kLanes + 1];  // nine taps
  Vec bias, lo, hi;
  Mask inside;  // of a whole row: the lanes that are its columns
};

// The taps of V vectors of output columns in one input row. p is at input column
//   stride 1: c - 1 (at the first, 0)      stride 2: 2 c
// of output column c, and moves on to that of column c + V kLanes.
template <int S, int V, At kAt>
SCT_INLINE void load_taps(const Filter& f, const Number*& p, Vec (&x)[3][V]) {
  if constexpr (S == 1) {
    constexpr int64_t kOne = sizeof(Number), kRest = 16 * V - 2 * kOne;
    if constexpr (kAt == At::whole) {
      x[1][0] = select(f.inside, load(p), zero());
      shift_in<V>(zero(), x[1], x[0]);
      shift_out<V>(x[1], zero(), x[2]);
    } else if constexpr (kAt == At::first) {
      load_on<V>(p, kOne, x[1]);
      load_on<V>(p, kRest, x[2]);
      shift_in<V>(zero(), x[1], x[0]);
    } else if constexpr (kAt == At::last) {
      load_on<V>(p, kOne, x[0]);
      load_on<V>(p, kOne, x[1]);
      shift_out<V>(x[1], zero(), x[2]);
    } else {
      load_on<V>(p, kOne, x[0]);
      load_on<V>(p, kOne, x[1]);
      load_on<V>(p, kRest, x[2]);
    }
  } else {
    static_assert(V == 1);  // two spill pointers: 313 instructions for 126 FMAs of f32
    Vec before = zero();
    if constexpr (kAt == At::middle) before = load(p - kLanes);
    const VecTwo both = load_halves_on(p);
    x[1][0] = both.val[0];
    x[2][0] = both.val[1];
    shift_in<V>(before, x[2], x[0]);
  }
}

// One step: seven rows by V vectors of columns. in, y: one pointer a row, moved on by the step.
// last_lanes: of the seventh row, where the lanes behind it are not this call's to write.
template <int S, int V, At kAt>
SCT_INLINE void step(const Filter& f, const Number** in, Number** y, int64_t last_lanes = kLanes) {
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
        const int r = i - j * S, t = 3 * r + s;
        if (r < 0 || r >= 3) continue;
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) {
          sum[j][v] = fma_lane(sum[j][v], x[s][v], f.w[t / kLanes], t % kLanes);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) {
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) sum[j][v] = at_most(at_least(sum[j][v], f.lo), f.hi);
    if (kAt == At::whole && j == kRows - 1 && last_lanes < kLanes) {
      store_n(y[j], sum[j][0], static_cast<int>(last_lanes));
    } else {
      store_on<V>(y[j], sum[j]);
    }
  }
}

// Seven output rows from `row` of the call on.
template <int S, int V, bool kWhole>
SCT_INLINE void rows(const DirectPlanes& p, const Filter& filter, int64_t row) {
  const Filter f = filter;
  const int64_t width = p.out_width;
  constexpr int kInRows = (kRows - 1) * S + 3, kStep = kLanes * V;
  const Number* in[kInRows];
  const int64_t top = (p.first_row + row) * S - p.pad_top;
#pragma GCC unroll 16
  for (int i = 0; i < kInRows; i++) {
    const bool inside = top + i >= 0 && top + i < p.height;
    in[i] = inside ? p.x + (top + i) * p.width : zero_row;
  }
  Number* y[kRows];
#pragma GCC unroll 8
  for (int j = 0; j < kRows; j++) y[j] = p.y + (row + j) * p.out_width;
  if constexpr (kWhole) {
    // Behind the plane's last row lanes are nobody's; behind another's they are the next row's,
    // which is a later step's or another thread's.
    const bool theirs = row + kRows == p.out_rows && p.first_row + p.out_rows < p.out_height;
    step<S, V, At::whole>(f, in, y, theirs ? width : kLanes);
  } else {
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
}

// Not inline: their pointers take all general registers. GCC 12 schedules stride 2 into spills (185
// instructions a step of f32 instead of 139), and without scheduling moves registers of f32's
// stride 1 about (231 instead of 212); f16 does without in both.
#if defined(__GNUC__) && !defined(__clang__)
#define SCT_UNSCHEDULED __attribute__((optimize("no-schedule-insns")))
#else
#define SCT_UNSCHEDULED
#endif

template <int V, bool kWhole>
__attribute__((noinline)) SCT_STRIDE_1 void rows_s1(const DirectPlanes& p, const Filter& f,
                                                    int64_t row) {
  rows<1, V, kWhole>(p, f, row);
}

template <int V, bool kWhole>
__attribute__((noinline)) SCT_UNSCHEDULED void rows_s2(const DirectPlanes& p, const Filter& f,
                                                       int64_t row) {
  rows<2, V, kWhole>(p, f, row);
}

// A band of fewer than seven rows, a thread's share of a low plane: by the first lane, with the
// same roundings.
void plain(const DirectPlanes& p, int stride, const Filter& f) {
  for (int64_t i = 0; i < p.out_rows; i++) {
    for (int64_t j = 0; j < p.out_width; j++) {
      Vec sum = f.bias;
      for (int t = 0; t < 9; t++) {
        const int64_t r = (p.first_row + i) * stride - p.pad_top + t / 3;
        const int64_t s = j * stride - 1 + t % 3;
        const bool inside = r >= 0 && r < p.height && s >= 0 && s < p.width;
        sum = fma(splat(inside ? p.x[r * p.width + s] : Number{0}), splat(p.weight[t]), sum);
      }
      store_n(p.y + i * p.out_width + j, at_most(at_least(sum, f.lo), f.hi), 1);
    }
  }
}

template <int S, int V, bool kWhole = false>
void direct(const DirectPlanes& given) {
  DirectPlanes p = given;
  Filter f;
  f.lo = splat(p.lo);
  f.hi = splat(p.hi);
  if constexpr (kWhole) {
    Number column[kLanes];
    for (int i = 0; i < kLanes; i++) column[i] = i < p.width ? kInfinity : Number{0};
    f.inside = less(zero(), load(column));
  }
  for (; p.planes > 0; p.planes--) {
#pragma GCC unroll 2
    for (int i = 0; i < 8 / kLanes; i++) f.w[i] = load(p.weight + kLanes * i);
    f.w[8 / kLanes] = splat(p.weight[8]);
    f.bias = splat(p.bias ? *p.bias++ : Number{0});
    const int64_t last = p.out_rows - kRows;
    if (last < 0) plain(p, S, f);
    for (int64_t row = 0; row <= last;) {
      if constexpr (S == 1) {
        rows_s1<V, kWhole>(p, f, row);
      } else {
        rows_s2<V, kWhole>(p, f, row);
      }
      if (row == last) break;
      row = row + kRows < last ? row + kRows : last;  // the last rows may overlap those before
    }
    p.x += p.x_stride;
    p.y += p.y_stride;
    p.weight += 9;
  }
}

}  // namespace
}  // namespace secateur
