// SpMM for AVX-512: mr x nr/16 sums in zmm registers, a half register (ymm) where nr is an odd
// multiple of 8.
//
// Registers, mr = 1, nr = 64:  sum[4], two sets | w ; activations are memory operands of the FMAs.
//            mr = 8, nr = 48:  sum[8][3] | x[3] | w (one broadcast at a time).
// Bound by: mr = 1, the load ports (one load per FMA beside values and offsets); mr >= 4, the FMA
// ports.
#include "kernels/spmm/avx512_tile.h"

namespace secateur {
namespace {

// Independent sums of one strip, so that a narrow tile does not wait for the latency of its own
// FMAs.
constexpr int sets_of(int mr, int nr) {
  const int units = mr * ((nr + 15) / 16);
  if (mr > 1) return units >= 4 ? 1 : 2;
  return units >= 5 ? 1 : units >= 3 ? 2 : 4;
}

// The blocks [i, end) of one CSR row. Four at a time: one load brings four values to every 128-bit
// lane and an in-lane permute, which does not compete for the load ports, spreads each (+6% of peak
// over a broadcast load per value at nr = 64); an 8-byte load brings two offsets.
template <int NR, int kSets>
SCT_INLINE int64_t csr_row(const char* x, int shift, const uint16_t* codes, const float* values,
                           int64_t i, int64_t end, Tile<1, NR>* t) {
  for (; i + 4 <= end; i += 4) {
    hide(&i);
    const __m512 w = _mm512_broadcast_f32x4(_mm_loadu_ps(values + i));
    multiply<NR>(x + place(codes[i], shift), _mm512_permute_ps(w, 0x00), t);
    multiply<NR>(x + place(codes[i + 1], shift), _mm512_permute_ps(w, 0x55), t + 1 % kSets);
    multiply<NR>(x + place(codes[i + 2], shift), _mm512_permute_ps(w, 0xaa), t + 2 % kSets);
    multiply<NR>(x + place(codes[i + 3], shift), _mm512_permute_ps(w, 0xff), t + 3 % kSets);
  }
  if (i + 2 <= end) {
    multiply<NR>(x + place(codes[i], shift), _mm512_set1_ps(values[i]), t);
    multiply<NR>(x + place(codes[i + 1], shift), _mm512_set1_ps(values[i + 1]), t + 1 % kSets);
    i += 2;
  }
  if (i < end) {
    multiply<NR>(x + place(codes[i], shift), _mm512_set1_ps(values[i]), t + 2 % kSets);
    i++;
  }
  return i;
}

// One block of MR values.
template <int MR, int NR>
SCT_INLINE void multiply_rows(const char* at, const float* value, Tile<MR, NR>* t) {
  constexpr int kFull = NR / 16;
  const float* in = reinterpret_cast<const float*>(at);
  __m512 v[kFull > 0 ? kFull : 1];
  __m256 v_half = _mm256_setzero_ps();
#pragma GCC unroll 8
  for (int i = 0; i < kFull; i++) v[i] = _mm512_loadu_ps(in + 16 * i);
  if (NR % 16 != 0) v_half = _mm256_loadu_ps(in + 16 * kFull);
#pragma GCC unroll 8
  for (int m = 0; m < MR; m++) {
    const __m512 w = _mm512_set1_ps(value[m]);
#pragma GCC unroll 8
    for (int i = 0; i < kFull; i++) t->full[m][i] = _mm512_fmadd_ps(w, v[i], t->full[m][i]);
    if (NR % 16 != 0) {
      t->half[m] = _mm256_fmadd_ps(_mm512_castps512_ps256(w), v_half, t->half[m]);
    }
  }
}

// The blocks [i, end) of one strip of MR rows, kSets at a time.
template <int MR, int NR, int kSets>
SCT_INLINE int64_t block_row(const char* x, int shift, const uint16_t* codes, const float* values,
                             int64_t i, int64_t end, Tile<MR, NR>* t) {
  for (; i + kSets <= end; i += kSets) {
#pragma GCC unroll 4
    for (int s = 0; s < kSets; s++) {
      multiply_rows<MR, NR>(x + place(codes[i + s], shift), values + (i + s) * MR, t + s);
    }
  }
  for (; kSets > 1 && i < end; i++)
    multiply_rows<MR, NR>(x + place(codes[i], shift), values + i * MR, t);
  return i;
}

template <int MR, int NR, bool kAccumulate>
SCT_INLINE void strips(const SpmmArgs& args) {
  constexpr int kSets = sets_of(MR, NR);
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
    Tile<MR, NR> t[kSets];
#pragma GCC unroll 4
    for (int s = 0; s < kSets; s++) zero(t + s);
    if (!kAccumulate && bias) fill(bias + row, t);
    const int64_t end = *++indptr;
    if constexpr (MR == 1) {
      i = csr_row<NR, kSets>(x, shift, codes, values, i, end, t);
    } else {
      i = block_row<MR, NR, kSets>(x, shift, codes, values, i, end, t);
    }
#pragma GCC unroll 4
    for (int s = 1; s < kSets; s++) add(t[s], t);
    if (kAccumulate) {
      add(y, stride, t);
    } else if (residual) {
      add(residual + row * stride, stride, t);
    }
    if (args.clamp) clamp(args, t);
    store(y, stride, *t);
  }
}

template <int MR, int NR>
SCT_TUNE void spmm_rows(const SpmmArgs& args) {
  if (args.accumulate) {
    strips<MR, NR, true>(args);
  } else {
    strips<MR, NR, false>(args);
  }
}

template <int NR>
void spmm_csr(const SpmmArgs& args) {
  if (args.accumulate) {
    strips<1, NR, true>(args);
  } else {
    strips<1, NR, false>(args);
  }
}

template <int MR, int NR>
void spmm(const SpmmArgs& args) {
  if constexpr (MR == 1) {
    spmm_csr<NR>(args);
  } else {
    spmm_rows<MR, NR>(args);
  }
}

}  // namespace

#define SCT_SPMM_AVX512
#define SCT_SPMM(isa, mr, nr) \
  void spmm_##isa##_##mr##x##nr(const SpmmArgs& args) { spmm<mr, nr>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM

}  // namespace secateur
