// SpMM for AVX2 with FMA: mr x nr/8 sums in ymm registers.
//
// Registers, mr = 1, nr = 96:  sum[12] | w ; activations are memory operands of the FMAs.
//            mr = 4, nr = 24:  sum[4][3] | x[3] | w (one broadcast at a time): 16 of 16.
// Bound by: mr = 1, the load ports: two loads a cycle, and V FMAs need V + 0.75 of them;
//           mr = 4, the FMA ports: two FMAs a cycle.
#include "kernels/spmm/avx2_tile.h"

namespace secateur {
namespace {

// Independent sums of a tile that is too small to hide the latency of its own FMAs (4 cycles, two
// of them starting in each) behind each other.
constexpr int sets_of(int mr, int v) {
  if (mr == 1) return v >= 7 ? 1 : v >= 4 ? 2 : 4;
  return mr * v >= 8 ? 1 : mr * v >= 4 ? 2 : 4;
}

// One block of MR values. Its activations stay in registers, where there are enough; else each is
// loaded once (GCC would load it again for every row: the empty asm pins it) beside all values.
template <int MR, int V>
SCT_INLINE void multiply_rows(const char* at, const float* value, __m256 (*sum)[V]) {
  const float* in = reinterpret_cast<const float*>(at);
  if (MR * V + V + 1 > 16) {
    __m256 w[MR];
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) w[m] = _mm256_broadcast_ss(value + m);
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) {
      __m256 v = _mm256_loadu_ps(in + 8 * i);
      __asm__("" : "+x"(v));
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) sum[m][i] = _mm256_fmadd_ps(w[m], v, sum[m][i]);
    }
  } else {
    __m256 v[V];
#pragma GCC unroll 12
    for (int i = 0; i < V; i++) v[i] = _mm256_loadu_ps(in + 8 * i);
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++) {
      const __m256 w = _mm256_broadcast_ss(value + m);
#pragma GCC unroll 12
      for (int i = 0; i < V; i++) sum[m][i] = _mm256_fmadd_ps(w, v[i], sum[m][i]);
    }
  }
}

// The blocks [i, end) of one CSR row. Four at a time: one load brings four values to both 128-bit
// lanes and an in-lane permute, which does not compete for the load ports, spreads each; an 8-byte
// load brings two offsets.
template <int V, int kSets>
SCT_INLINE int64_t csr_row(const char* x, int shift, const uint16_t* codes, const float* values,
                           int64_t i, int64_t end, __m256 (*sum)[1][V]) {
  for (; i + 4 <= end; i += 4) {
    hide(&i);
    const __m256 w = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(values + i));
    multiply<V>(x + place(codes[i], shift), _mm256_permute_ps(w, 0x00), sum[0][0]);
    multiply<V>(x + place(codes[i + 1], shift), _mm256_permute_ps(w, 0x55), sum[1 % kSets][0]);
    multiply<V>(x + place(codes[i + 2], shift), _mm256_permute_ps(w, 0xaa), sum[2 % kSets][0]);
    multiply<V>(x + place(codes[i + 3], shift), _mm256_permute_ps(w, 0xff), sum[3 % kSets][0]);
  }
  if (i + 2 <= end) {
    multiply<V>(x + place(codes[i], shift), _mm256_broadcast_ss(values + i), sum[0][0]);
    multiply<V>(x + place(codes[i + 1], shift), _mm256_broadcast_ss(values + i + 1),
                sum[1 % kSets][0]);
    i += 2;
  }
  if (i < end) {
    multiply<V>(x + place(codes[i], shift), _mm256_broadcast_ss(values + i), sum[2 % kSets][0]);
    i++;
  }
  return i;
}

// The blocks [i, end) of one strip of MR rows, kSets at a time.
template <int MR, int V, int kSets>
SCT_INLINE int64_t block_row(const char* x, int shift, const uint16_t* codes, const float* values,
                             int64_t i, int64_t end, __m256 (*sum)[MR][V]) {
  for (; i + kSets <= end; i += kSets) {
#pragma GCC unroll 4
    for (int s = 0; s < kSets; s++) {
      multiply_rows<MR, V>(x + place(codes[i + s], shift), values + (i + s) * MR, sum[s]);
    }
  }
  for (; kSets > 1 && i < end; i++) {
    multiply_rows<MR, V>(x + place(codes[i], shift), values + i * MR, sum[0]);
  }
  return i;
}

template <int MR, int V, bool kAccumulate>
SCT_INLINE void strips(const SpmmArgs& args) {
  constexpr int kSets = sets_of(MR, V);
  const char* x = reinterpret_cast<const char*>(args.x);
  const int64_t stride = args.y_stride;
  const int32_t* indptr = args.indptr;
  const int32_t* rows = args.rows;
  const int32_t* rows_end = rows + args.strips;
  const uint16_t* codes = args.codes;
  const int shift = args.shift;
  const float* values = args.values;
  const float* bias = args.bias;
  const float* residual = args.residual;
  float* base = args.y;
  int64_t i = *indptr;
  for (; rows != rows_end; rows++) {
    const int64_t row = *rows;
    float* y = base + row * stride;
    __m256 sum[kSets][MR][V];
#pragma GCC unroll 4
    for (int s = 0; s < kSets; s++) zero<MR, V>(sum[s]);
    if (!kAccumulate && bias) {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
        const __m256 b = _mm256_broadcast_ss(bias + row + m);
#pragma GCC unroll 12
        for (int j = 0; j < V; j++) sum[0][m][j] = b;
      }
    }
    const int64_t end = *++indptr;
    if constexpr (MR == 1) {
      i = csr_row<V, kSets>(x, shift, codes, values, i, end, sum);
    } else {
      i = block_row<MR, V, kSets>(x, shift, codes, values, i, end, sum);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) {
#pragma GCC unroll 8
      for (int m = 0; m < MR; m++) {
#pragma GCC unroll 12
        for (int j = 0; j < V; j++) sum[0][m][j] = _mm256_add_ps(sum[0][m][j], sum[s][m][j]);
      }
    }
    if (kAccumulate) {
      add<MR, V>(y, stride, sum[0]);
    } else if (residual) {
      add<MR, V>(residual + row * stride, stride, sum[0]);
    }
    if (args.clamp) clamp<MR, V>(args, sum[0]);
    store<MR, V>(y, stride, sum[0]);
  }
}

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  if (args.accumulate) {
    strips<MR, NR / 8, true>(args);
  } else {
    strips<MR, NR / 8, false>(args);
  }
}

}  // namespace

#define SCT_SPMM_AVX2
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
