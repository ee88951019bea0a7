// What all i8 SpMM kernels share: a quad of rows, from the bias to the bytes. Include in a file of
// one instruction set, which defines before, in the unnamed namespace:
//
//   SCT_INLINE           inline, always
//   kLanes               positions in an I32
//   I32, F32             as many i32, f32
//   Half, Quad           i16 of two rows, i8 of four: as many positions of each
//   Sum                  of I32's positions, in any form; total(Sum) gives the I32
//   start(i32)           a Sum that total() gives that number of
//   SCT_ROW_LOOP         a pragma before the loop over two rows that are strips of their own
//   load32 store32 add32, to_float mul_f add_f splat_f, to_int (rint), below_i32
//                        (what is above i16 and i32 becomes something above i16)
//   pack16(a, b) add16(half, i16)   saturating; pack8(a, b): the four rows of each position
//   together clamp8(quad, lo, hi) store8 residual_row(p, row) the row'th byte of each position's
//   four, as I32
//
// and gives run_quads a type whose multiply<MR, V>(in, i, end, sums) adds the blocks [i, end) of a
// strip. Rounding saturates to i16 and, with the zero point added, to i8: as if the number had been
// clamped before, since the bounds are integers.
#pragma once

namespace secateur {
namespace {

// What the inner loops read.
struct Stream {
  const char* x;
  const uint16_t* codes;
  const int32_t* offsets;
  const int32_t* values;
  int shift;
};

// MR rows of a tile, done with all of this K block: rounded into halves, or added up.
template <int V>
struct Rows {
  I32 v[V];
};

// Two rows, row and row + 1 of the quad, to i16 with the zero point.
template <int V>
SCT_INLINE void round_rows(const SpmmI8Args& args, int64_t quad, int row, const Rows<V>* t,
                           Half* out) {
  const F32 scale0 = splat_f(args.scale[4 * quad + row]);
  const F32 scale1 = splat_f(args.scale[4 * quad + row + 1]);
  if (args.residual || !args.in_i32) {
    // Whatever there is times 0, where there is no residual.
    const int8_t* r = (args.residual ? args.residual : args.y) + quad * args.y_stride;
    const F32 factor = splat_f(args.residual ? args.residual_scale : 0.0f);
    const I32 minus_zero = splat32(-args.residual_zero);
#pragma GCC unroll 16
    for (int i = 0; i < V; i++, r += 4 * kLanes) {
      const F32 r0 = mul_f(to_float(add32(residual_row(r, row), minus_zero)), factor);
      const F32 r1 = mul_f(to_float(add32(residual_row(r, row + 1), minus_zero)), factor);
      const F32 t0 = add_f(mul_f(to_float(t[0].v[i]), scale0), r0);
      const F32 t1 = add_f(mul_f(to_float(t[1].v[i]), scale1), r1);
      out[i] = add16(pack16(to_int(below_i32(t0)), to_int(below_i32(t1))), args.zero);
    }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < V; i++) {
    out[i] = add16(pack16(to_int(mul_f(to_float(t[0].v[i]), scale0)),
                          to_int(mul_f(to_float(t[1].v[i]), scale1))),
                   args.zero);
  }
}

// The strips of two rows (mr = 1: two, mr = 2: one) or of all four.
template <int MR, int V, class Form>
SCT_INLINE void sum_rows(const SpmmI8Args& args, const Stream& in, int64_t quad, int row,
                         int64_t* at, const int32_t** indptr, Rows<V>* out) {
  const int64_t end = *++*indptr;
  Sum acc[MR][V];
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) {
    const Sum b = start(args.first ? args.bias[4 * quad + row + m] : 0);
#pragma GCC unroll 16
    for (int i = 0; i < V; i++) acc[m][i] = b;
  }
  Form::template multiply<MR, V>(in, *at, end, acc);
  *at = end;
  const int64_t of_quad = (quad - args.first_quad) * 4 + row;
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) {
#pragma GCC unroll 16
    for (int i = 0; i < V; i++) out[m].v[i] = total(acc[m][i]);
    if (args.first) continue;
    const int32_t* sums = args.sums + (of_quad + m) * V * kLanes;
#pragma GCC unroll 16
    for (int i = 0; i < V; i++) out[m].v[i] = add32(out[m].v[i], load32(sums + i * kLanes));
  }
  if (args.last) return;
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) {
    int32_t* sums = args.sums + (of_quad + m) * V * kLanes;
#pragma GCC unroll 16
    for (int i = 0; i < V; i++) store32(sums + i * kLanes, out[m].v[i]);
  }
}

template <int V>
SCT_INLINE void store_quad(const SpmmI8Args& args, int64_t quad, const Half (*half)[V]) {
  int8_t* y = args.y + quad * args.y_stride;
  if (args.lo == -128 && args.hi == 127) {  // what saturation leaves
#pragma GCC unroll 16
    for (int i = 0; i < V; i++) store8(y + i * 4 * kLanes, pack8(half[0][i], half[1][i]));
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < V; i++) {
    store8(y + i * 4 * kLanes, clamp8(pack8(half[0][i], half[1][i]), args.lo, args.hi));
  }
}

template <int MR, int V, class Form>
SCT_INLINE void run_quads(const SpmmI8Args& given) {
  const SpmmI8Args args = given;  // y may alias what they point to, not them
  const Stream in = {reinterpret_cast<const char*>(args.x), args.codes, args.offsets, args.values,
                     args.shift};
  const int32_t* indptr = args.indptr;
  int64_t at = *indptr;
  for (int64_t q = 0; q < args.quads; q++) {
    const int64_t quad = args.rows[q];
    Half half[2][V];
    if constexpr (MR == 4) {
      Rows<V> t[4];
      sum_rows<4, V, Form>(args, in, quad, 0, &at, &indptr, t);
      if (!args.last) continue;
      round_rows<V>(args, quad, 0, t, half[0]);
      round_rows<V>(args, quad, 2, t + 2, half[1]);
    } else {
      for (int h = 0; h < 2; h++) {
        Rows<V> t[2];
        if constexpr (MR == 2) {
          sum_rows<2, V, Form>(args, in, quad, 2 * h, &at, &indptr, t);
        } else {
          SCT_ROW_LOOP
          for (int m = 0; m < 2; m++) {
            sum_rows<1, V, Form>(args, in, quad, 2 * h + m, &at, &indptr, t + m);
          }
        }
        if (args.last) round_rows<V>(args, quad, 2 * h, t, half[h]);
      }
    }
    if (args.last) store_quad<V>(args, quad, half);
  }
}

}  // namespace
}  // namespace secateur
