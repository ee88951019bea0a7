// SpMV for AVX-512: 16 rows per zmm accumulator; dense broadcasts x; in sell it comes lane by lane.
// Sell is bound by memory, or else by the load ports: 21 loads for 16 nonzeros, two a cycle.
// GCC 12 warns about its own header's undefined vectors.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

#include "kernels/spmv/store.inc"

}  // namespace

namespace {

// Four values of x by loads that insert: twice the rate of a gather instruction on Zen 4, and no
// slower where gathers are good. One load brings four columns. GCC would load each value by an
// instruction of its own, which is one too many: hence the asm.
inline __attribute__((always_inline)) __m128 four(const float* x, const uint16_t* columns) {
  uint64_t c;
  __builtin_memcpy(&c, columns, sizeof c);
  const uint32_t low = static_cast<uint32_t>(c), high = static_cast<uint32_t>(c >> 32);
  __m128 v = _mm_load_ss(x + (low & 0xffff));
  __asm__("vinsertps $0x10, %1, %0, %0" : "+x"(v) : "m"(x[low >> 16]));
  __asm__("vinsertps $0x20, %1, %0, %0" : "+x"(v) : "m"(x[high & 0xffff]));
  __asm__("vinsertps $0x30, %1, %0, %0" : "+x"(v) : "m"(x[high >> 16]));
  return v;
}

inline __attribute__((always_inline)) __m256 eight(const float* x, const uint16_t* columns) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(four(x, columns)), four(x, columns + 4), 1);
}

inline __attribute__((always_inline)) __m512 sixteen(const float* x, const uint16_t* columns) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(eight(x, columns)), eight(x, columns + 8), 1);
}

// The hardware's prefetchers stop at every page, and weights of one position are read once: values
// are asked for this many bytes ahead, columns half as many. Weights from memory: +10 to 20%; in
// the caches: up to -3%.
constexpr int64_t kAhead = 2048;

inline __attribute__((always_inline)) void prefetch(const void* p, int64_t ahead) {
  _mm_prefetch(static_cast<const char*>(p) + ahead, _MM_HINT_T0);
}

void sell(const SpmvArgs& args) {
  constexpr int kLanes = 16;
  const uint16_t* columns = args.columns + int64_t{args.depth[0]} * kLanes;
  const float* values = args.values + int64_t{args.depth[0]} * kLanes;
  const float* x = args.x;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(64) float lanes[kLanes];
    spmv_start(args, args.rows + slice * kLanes, kLanes, lanes);
    __m512 sum = _mm512_load_ps(lanes);
    for (; depth >= 2; depth -= 2, columns += 2 * kLanes, values += 2 * kLanes) {
      prefetch(values, kAhead);
      prefetch(values + kLanes, kAhead);
      prefetch(columns, kAhead / 2);
      sum = _mm512_fmadd_ps(_mm512_loadu_ps(values), sixteen(x, columns), sum);
      sum = _mm512_fmadd_ps(_mm512_loadu_ps(values + kLanes), sixteen(x, columns + kLanes), sum);
    }
    if (depth > 0) {
      sum = _mm512_fmadd_ps(_mm512_loadu_ps(values), sixteen(x, columns), sum);
      columns += kLanes;
      values += kLanes;
    }
    _mm512_store_ps(lanes, sum);
    spmv_finish(args, args.rows + slice * kLanes, kLanes, lanes);
  }
}

}  // namespace

void spmv_avx512_sell_16(const SpmvArgs& args) { sell(args); }

namespace {

template <int V>
void dense(const SpmvArgs& args) {
  const float* values = args.values + int64_t{args.depth[0]} * 16 * V;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(64) float lanes[16 * V];
    spmv_start_dense(args, args.rows + slice * 16 * V, 16 * V, lanes);
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
    spmv_finish_dense(args, args.rows + slice * 16 * V, 16 * V, lanes);
  }
}

}  // namespace

void spmv_avx512_dense_16(const SpmvArgs& args) { dense<1>(args); }
void spmv_avx512_dense_64(const SpmvArgs& args) { dense<4>(args); }

}  // namespace secateur
