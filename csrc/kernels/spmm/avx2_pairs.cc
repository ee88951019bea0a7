// SpMM for AVX2 over pairs of CSR rows (pack/row_pairs.h chooses them): 2 x nr/8 sums in ymm
// registers.
//
// Registers, nr = 48:  sum[2][6] | w[2] and the four values they are spread from | x: 16 of 16.
// Bound by: columns in common, the FMA ports: 2 V FMAs, two a cycle, for V loads;
//           columns apart, the load ports: two loads a cycle, and 4 V FMAs need 4 V + 1.
#include "kernels/spmm/avx2_tile.h"

namespace secateur {
namespace {

// sum += w * v, in place: left to choose, GCC puts sums into the registers of v and copies them
// back.
SCT_INLINE void add_product(__m256 w, __m256 v, __m256* sum) {
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(*sum) : "x"(w), "x"(v));
}

// Both rows' sums += their values times the same activations, each loaded once.
template <int V>
SCT_INLINE void multiply_both(const char* in, __m256 wa, __m256 wb, __m256* a, __m256* b) {
#pragma GCC unroll 6
  for (int i = 0; i < V; i++) {
    const __m256 v = _mm256_loadu_ps(reinterpret_cast<const float*>(in) + 8 * i);
    add_product(wa, v, a + i);
    add_product(wb, v, b + i);
  }
}

// The streams of codes and values, and how far a strip has come in them.
struct Stream {
  const char* x;
  int shift;
  const uint16_t* code;
  const float* value;

  SCT_INLINE const char* at(int i) const { return x + place(code[i], shift); }
  SCT_INLINE void skip(int codes, int values) {
    code += codes;
    value += values;
  }
};

// `count` columns in which both rows have a value; one load brings the values of two.
template <int V>
SCT_INLINE void common(int32_t count, Stream* s, __m256* a, __m256* b) {
  for (; count >= 2; count -= 2) {
    hide(&count);
    const __m256 w = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(s->value));
    multiply_both<V>(s->at(0), _mm256_permute_ps(w, 0x00), _mm256_permute_ps(w, 0x55), a, b);
    multiply_both<V>(s->at(1), _mm256_permute_ps(w, 0xaa), _mm256_permute_ps(w, 0xff), a, b);
    s->skip(2, 4);
  }
  if (count) {
    multiply_both<V>(s->at(0), _mm256_broadcast_ss(s->value), _mm256_broadcast_ss(s->value + 1), a,
                     b);
    s->skip(1, 2);
  }
}

// `count` times a value of the first row and one of the second, each with a column of its own.
template <int V>
SCT_INLINE void apart(int32_t count, Stream* s, __m256* a, __m256* b) {
  for (; count >= 2; count -= 2) {
    hide(&count);
    const __m256 w = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(s->value));
    multiply<V>(s->at(0), _mm256_permute_ps(w, 0x00), a);
    multiply<V>(s->at(1), _mm256_permute_ps(w, 0x55), b);
    multiply<V>(s->at(2), _mm256_permute_ps(w, 0xaa), a);
    multiply<V>(s->at(3), _mm256_permute_ps(w, 0xff), b);
    s->skip(4, 4);
  }
  if (count) {
    multiply<V>(s->at(0), _mm256_broadcast_ss(s->value), a);
    multiply<V>(s->at(1), _mm256_broadcast_ss(s->value + 1), b);
    s->skip(2, 2);
  }
}

// `count` values that the first row has more than the second.
template <int V>
SCT_INLINE void left_over(int32_t count, Stream* s, __m256* a) {
  for (; count >= 2; count -= 2) {
    hide(&count);
    multiply<V>(s->at(0), _mm256_broadcast_ss(s->value), a);
    multiply<V>(s->at(1), _mm256_broadcast_ss(s->value + 1), a);
    s->skip(2, 2);
  }
  if (count) {
    multiply<V>(s->at(0), _mm256_broadcast_ss(s->value), a);
    s->skip(1, 1);
  }
}

template <int V, bool kAccumulate>
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
    __m256 a[1][V], b[1][V];
    zero<1, V>(a);
    zero<1, V>(b);
    if (!kAccumulate && bias) {
#pragma GCC unroll 6
      for (int i = 0; i < V; i++) {
        a[0][i] = _mm256_broadcast_ss(bias + rows[0]);
        b[0][i] = _mm256_broadcast_ss(bias + rows[1]);
      }
    }
    common<V>(counts[0], &s, a[0], b[0]);
    apart<V>(counts[1], &s, a[0], b[0]);
    left_over<V>(counts[2], &s, a[0]);
    // Both rows are read before either is written: their lines may be 4 KB apart.
    if (kAccumulate) {
      add<1, V>(y_a, stride, a);
      add<1, V>(y_b, stride, b);
    } else if (residual) {
      add<1, V>(residual + row_a, stride, a);
      add<1, V>(residual + row_b, stride, b);
    }
    if (args.clamp) {
      clamp<1, V>(args, a);
      clamp<1, V>(args, b);
    }
    store<1, V>(y_a, stride, a);
    store<1, V>(y_b, stride, b);
  }
}

template <int NR>
void spmm_pairs(const SpmmArgs& args) {
  if (args.accumulate) {
    pairs<NR / 8, true>(args);
  } else {
    pairs<NR / 8, false>(args);
  }
}

}  // namespace

#define SCT_SPMM_AVX2_PAIRS
#define SCT_SPMM_PAIRS(isa, nr) \
  void spmm_##isa##_pairs_##nr(const SpmmArgs& args) { spmm_pairs<nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM_PAIRS

}  // namespace secateur
