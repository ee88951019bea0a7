// SpMV for AVX2 with FMA: 8 rows per ymm accumulator; sell gathers x, dense broadcasts it.
#include <immintrin.h>

#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

#include "kernels/spmv/store.inc"

}  // namespace

// Two depths at a time: two accumulators hide the latency of the FMA.
void spmv_avx2_sell_8(const SpmvArgs& args) {
  const uint16_t* columns = args.columns + int64_t{args.depth[0]} * 8;
  const float* values = args.values + int64_t{args.depth[0]} * 8;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(32) float lanes[8];
    spmv_start(args, args.rows + slice * 8, 8, lanes);
    __m256 sum0 = _mm256_load_ps(lanes), sum1 = _mm256_setzero_ps();
    for (; depth >= 2; depth -= 2, columns += 16, values += 16) {
      const __m256i c = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns));
      const __m256i c0 = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(c));
      const __m256i c1 = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(c, 1));
      sum0 = _mm256_fmadd_ps(_mm256_loadu_ps(values), _mm256_i32gather_ps(args.x, c0, 4), sum0);
      sum1 = _mm256_fmadd_ps(_mm256_loadu_ps(values + 8), _mm256_i32gather_ps(args.x, c1, 4), sum1);
    }
    if (depth) {
      const __m256i c =
          _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(columns)));
      sum0 = _mm256_fmadd_ps(_mm256_loadu_ps(values), _mm256_i32gather_ps(args.x, c, 4), sum0);
      columns += 8, values += 8;
    }
    _mm256_store_ps(lanes, _mm256_add_ps(sum0, sum1));
    spmv_finish(args, args.rows + slice * 8, 8, lanes);
  }
}

namespace {

template <int V>
void dense(const SpmvArgs& args) {
  const float* values = args.values + int64_t{args.depth[0]} * 8 * V;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(32) float lanes[8 * V];
    spmv_start(args, args.rows + slice * 8 * V, 8 * V, lanes);
    __m256 sum[2][V];
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      sum[0][i] = _mm256_load_ps(lanes + 8 * i);
      sum[1][i] = _mm256_setzero_ps();
    }
    int32_t d = 0;
    for (; d + 2 <= depth; d += 2) {
#pragma GCC unroll 2
      for (int j = 0; j < 2; j++, values += 8 * V) {
        const __m256 x = _mm256_broadcast_ss(args.x + d + j);
#pragma GCC unroll 4
        for (int i = 0; i < V; i++) {
          sum[j][i] = _mm256_fmadd_ps(x, _mm256_loadu_ps(values + 8 * i), sum[j][i]);
        }
      }
    }
    if (d < depth) {
      const __m256 x = _mm256_broadcast_ss(args.x + d);
#pragma GCC unroll 4
      for (int i = 0; i < V; i++) {
        sum[0][i] = _mm256_fmadd_ps(x, _mm256_loadu_ps(values + 8 * i), sum[0][i]);
      }
      values += 8 * V;
    }
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      _mm256_store_ps(lanes + 8 * i, _mm256_add_ps(sum[0][i], sum[1][i]));
    }
    spmv_finish(args, args.rows + slice * 8 * V, 8 * V, lanes);
  }
}

}  // namespace

void spmv_avx2_dense_8(const SpmvArgs& args) { dense<1>(args); }
void spmv_avx2_dense_32(const SpmvArgs& args) { dense<4>(args); }

}  // namespace secateur
