// SpMM for AVX-512 over pairs of CSR rows (pack/row_pairs.h chooses them): 2 x nr/16 sums in zmm
// registers, a half register each where nr is an odd multiple of 8.
//
// Registers, nr = 80:  sum[2][5] | w[2] and the four values they are spread from | x.
// Bound by: the FMA ports, one 64-byte FMA a cycle (Zen 4), and for columns apart the load ports
//           beside them, one such load a cycle; columns in common load V vectors for 2 V FMAs.
#include "kernels/spmm/avx512_tile.h"

namespace secateur {
namespace {

// sum += w * v, in place: left to choose, GCC puts sums into the registers of v and copies them
// back.
SCT_INLINE void add_product(__m512 w, __m512 v, __m512* sum) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(*sum) : "v"(w), "v"(v));
}
SCT_INLINE void add_product(__m256 w, __m256 v, __m256* sum) {
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(*sum) : "v"(w), "v"(v));
}

// Both rows' sums += their values times the same activations, each loaded once.
template <int NR>
SCT_INLINE void multiply_both(const char* at, __m512 wa, __m512 wb, Tile<1, NR>* a,
                              Tile<1, NR>* b) {
  const float* in = reinterpret_cast<const float*>(at);
#pragma GCC unroll 8
  for (int i = 0; i < NR / 16; i++) {
    const __m512 v = _mm512_loadu_ps(in + 16 * i);
    add_product(wa, v, &a->full[0][i]);
    add_product(wb, v, &b->full[0][i]);
  }
  if (NR % 16 != 0) {
    const __m256 v = _mm256_loadu_ps(in + NR / 16 * 16);
    add_product(_mm512_castps512_ps256(wa), v, &a->half[0]);
    add_product(_mm512_castps512_ps256(wb), v, &b->half[0]);
  }
}

// The streams of codes and values, and how far a strip has come in them.
struct Stream {
  const char* x;
  int shift;
  const uint16_t* code;
  const float* value;

  SCT_INLINE const char* at(int i) const { return x + place(code[i], shift); }
  SCT_INLINE __m512 spread(int i) const { return _mm512_set1_ps(value[i]); }
  SCT_INLINE __m512 four() const { return _mm512_broadcast_f32x4(_mm_loadu_ps(value)); }
  SCT_INLINE void skip(int codes, int values) {
    code += codes;
    value += values;
  }
};

// `count` columns in which both rows have a value; one load brings the values of two.
template <int NR>
SCT_INLINE void common(int32_t count, Stream* s, Tile<1, NR>* a, Tile<1, NR>* b) {
  for (; count >= 2; count -= 2) {
    hide(&count);
    const __m512 w = s->four();
    multiply_both(s->at(0), _mm512_permute_ps(w, 0x00), _mm512_permute_ps(w, 0x55), a, b);
    multiply_both(s->at(1), _mm512_permute_ps(w, 0xaa), _mm512_permute_ps(w, 0xff), a, b);
    s->skip(2, 4);
  }
  if (count) {
    multiply_both(s->at(0), s->spread(0), s->spread(1), a, b);
    s->skip(1, 2);
  }
}

// `count` times a value of the first row and one of the second, each with a column of its own.
template <int NR>
SCT_INLINE void apart(int32_t count, Stream* s, Tile<1, NR>* a, Tile<1, NR>* b) {
  for (; count >= 2; count -= 2) {
    hide(&count);
    const __m512 w = s->four();
    multiply(s->at(0), _mm512_permute_ps(w, 0x00), a);
    multiply(s->at(1), _mm512_permute_ps(w, 0x55), b);
    multiply(s->at(2), _mm512_permute_ps(w, 0xaa), a);
    multiply(s->at(3), _mm512_permute_ps(w, 0xff), b);
    s->skip(4, 4);
  }
  if (count) {
    multiply(s->at(0), s->spread(0), a);
    multiply(s->at(1), s->spread(1), b);
    s->skip(2, 2);
  }
}

// `count` values that the first row has more than the second.
template <int NR>
SCT_INLINE void left_over(int32_t count, Stream* s, Tile<1, NR>* a) {
  for (; count >= 2; count -= 2) {
    hide(&count);
    multiply(s->at(0), s->spread(0), a);
    multiply(s->at(1), s->spread(1), a);
    s->skip(2, 2);
  }
  if (count) {
    multiply(s->at(0), s->spread(0), a);
    s->skip(1, 1);
  }
}

template <int NR, bool kAccumulate>
SCT_INLINE void pairs(const SpmmArgs& args) {
  const int64_t stride = args.y_stride;
  const int32_t* counts = args.counts;
  const int32_t* rows = args.rows;
  const int32_t* rows_end = rows + 2 * args.strips;
  const float* bias = args.bias;
  const float* residual = args.residual;
  float* base = args.y;
  Stream s{reinterpret_cast<const char*>(args.x), args.shift, args.codes, args.values};
  for (; rows != rows_end; rows += 2, counts += 3) {
    const int64_t row_a = rows[0] * stride, row_b = rows[1] * stride;
    float *y_a = base + row_a, *y_b = base + row_b;
    Tile<1, NR> a, b;
    zero(&a);
    zero(&b);
    if (!kAccumulate && bias) {
      fill(bias + rows[0], &a);
      fill(bias + rows[1], &b);
    }
    common(counts[0], &s, &a, &b);
    apart(counts[1], &s, &a, &b);
    left_over(counts[2], &s, &a);
    // Both rows are read before either is written: their lines may be 4 KB apart.
    if (kAccumulate) {
      add(y_a, stride, &a);
      add(y_b, stride, &b);
    } else if (residual) {
      add(residual + row_a, stride, &a);
      add(residual + row_b, stride, &b);
    }
    if (args.clamp) {
      clamp(args, &a);
      clamp(args, &b);
    }
    store(y_a, stride, a);
    store(y_b, stride, b);
  }
}

template <int NR>
SCT_TUNE void spmm_pairs(const SpmmArgs& args) {
  if (args.accumulate) {
    pairs<NR, true>(args);
  } else {
    pairs<NR, false>(args);
  }
}

}  // namespace

#define SCT_SPMM_AVX512_PAIRS
#define SCT_SPMM_PAIRS(isa, nr) \
  void spmm_##isa##_pairs_##nr(const SpmmArgs& args) { spmm_pairs<nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM_PAIRS

}  // namespace secateur
