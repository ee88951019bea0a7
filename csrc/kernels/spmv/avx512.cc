// SpMV for AVX-512: 16 rows per zmm accumulator; sell gathers x, dense broadcasts it.
// GCC 12 warns about its own header's undefined vectors.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

#include "kernels/spmv/store.inc"

}  // namespace

// Two depths at a time: two accumulators hide the latency of the FMA.
void spmv_avx512_sell_16(const SpmvArgs& args) {
  const uint16_t* columns = args.columns + int64_t{args.depth[0]} * 16;
  const float* values = args.values + int64_t{args.depth[0]} * 16;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(64) float lanes[16];
    spmv_start(args, args.rows + slice * 16, 16, lanes);
    __m512 sum0 = _mm512_load_ps(lanes), sum1 = _mm512_setzero_ps();
    for (; depth >= 2; depth -= 2, columns += 32, values += 32) {
      const __m512i c0 =
          _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns)));
      const __m512i c1 =
          _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns + 16)));
      sum0 = _mm512_fmadd_ps(_mm512_loadu_ps(values), _mm512_i32gather_ps(c0, args.x, 4), sum0);
      sum1 =
          _mm512_fmadd_ps(_mm512_loadu_ps(values + 16), _mm512_i32gather_ps(c1, args.x, 4), sum1);
    }
    if (depth) {
      const __m512i c =
          _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns)));
      sum0 = _mm512_fmadd_ps(_mm512_loadu_ps(values), _mm512_i32gather_ps(c, args.x, 4), sum0);
      columns += 16, values += 16;
    }
    _mm512_store_ps(lanes, _mm512_add_ps(sum0, sum1));
    spmv_finish(args, args.rows + slice * 16, 16, lanes);
  }
}

namespace {

template <int V>
void dense(const SpmvArgs& args) {
  const float* values = args.values + int64_t{args.depth[0]} * 16 * V;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(64) float lanes[16 * V];
    spmv_start(args, args.rows + slice * 16 * V, 16 * V, lanes);
    __m512 sum[2][V];
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      sum[0][i] = _mm512_load_ps(lanes + 16 * i);
      sum[1][i] = _mm512_setzero_ps();
    }
    int32_t d = 0;
    for (; d + 2 <= depth; d += 2) {
#pragma GCC unroll 2
      for (int j = 0; j < 2; j++, values += 16 * V) {
        const __m512 x = _mm512_set1_ps(args.x[d + j]);
#pragma GCC unroll 4
        for (int i = 0; i < V; i++) {
          sum[j][i] = _mm512_fmadd_ps(x, _mm512_loadu_ps(values + 16 * i), sum[j][i]);
        }
      }
    }
    if (d < depth) {
      const __m512 x = _mm512_set1_ps(args.x[d]);
#pragma GCC unroll 4
      for (int i = 0; i < V; i++) {
        sum[0][i] = _mm512_fmadd_ps(x, _mm512_loadu_ps(values + 16 * i), sum[0][i]);
      }
      values += 16 * V;
    }
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      _mm512_store_ps(lanes + 16 * i, _mm512_add_ps(sum[0][i], sum[1][i]));
    }
    spmv_finish(args, args.rows + slice * 16 * V, 16 * V, lanes);
  }
}

}  // namespace

void spmv_avx512_dense_16(const SpmvArgs& args) { dense<1>(args); }
void spmv_avx512_dense_64(const SpmvArgs& args) { dense<4>(args); }

}  // namespace secateur
