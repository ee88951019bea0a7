// SpMV for AVX-512: 16 rows per zmm accumulator; dense broadcasts x; sell works on its 128-bit
// quarters, since x comes lane by lane.
// GCC 12 warns about its own header's undefined vectors.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

#include "kernels/spmv/store.inc"

}  // namespace

namespace {

// Four values of x by loads and inserts: twice the rate of a gather instruction on Zen 4 (1.5
// against 0.7 nonzeros a cycle), and no slower where gathers are good. One load brings four
// columns.
inline __attribute__((always_inline)) __m128 four(const float* x, const uint16_t* columns) {
  uint64_t c;
  __builtin_memcpy(&c, columns, sizeof c);
  __m128 v = _mm_load_ss(x + (c & 0xffff));
  v = _mm_insert_ps(v, _mm_load_ss(x + (c >> 16 & 0xffff)), 0x10);
  v = _mm_insert_ps(v, _mm_load_ss(x + (c >> 32 & 0xffff)), 0x20);
  return _mm_insert_ps(v, _mm_load_ss(x + (c >> 48)), 0x30);
}

// lanes rows in lanes / 4 accumulators, kSets of them so that sums do not wait for each other.
template <int kLanes, int kSets>
inline __attribute__((always_inline)) void sell(const SpmvArgs& args) {
  constexpr int kQuads = kLanes / 4;
  const uint16_t* columns = args.columns + int64_t{args.depth[0]} * kLanes;
  const float* values = args.values + int64_t{args.depth[0]} * kLanes;
  const float* x = args.x;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    int32_t depth = args.depth[slice + 1] - args.depth[slice];
    float lanes[kLanes];
    spmv_start(args, args.rows + slice * kLanes, kLanes, lanes);
    __m128 sum[kSets][kQuads];
#pragma GCC unroll 4
    for (int q = 0; q < kQuads; q++) {
      sum[0][q] = _mm_loadu_ps(lanes + 4 * q);
      sum[kSets - 1][q] = kSets > 1 ? _mm_setzero_ps() : sum[0][q];
    }
    for (; depth >= kSets; depth -= kSets) {
#pragma GCC unroll 2
      for (int s = 0; s < kSets; s++, columns += kLanes, values += kLanes) {
#pragma GCC unroll 4
        for (int q = 0; q < kQuads; q++) {
          sum[s][q] =
              _mm_fmadd_ps(_mm_loadu_ps(values + 4 * q), four(x, columns + 4 * q), sum[s][q]);
        }
      }
    }
    for (; depth > 0; depth--, columns += kLanes, values += kLanes) {
#pragma GCC unroll 4
      for (int q = 0; q < kQuads; q++) {
        sum[0][q] = _mm_fmadd_ps(_mm_loadu_ps(values + 4 * q), four(x, columns + 4 * q), sum[0][q]);
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < kQuads; q++) {
      if (kSets > 1) sum[0][q] = _mm_add_ps(sum[0][q], sum[kSets - 1][q]);
      _mm_storeu_ps(lanes + 4 * q, sum[0][q]);
    }
    spmv_finish(args, args.rows + slice * kLanes, kLanes, lanes);
  }
}

}  // namespace

void spmv_avx512_sell_16(const SpmvArgs& args) { sell<16, 1>(args); }

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
