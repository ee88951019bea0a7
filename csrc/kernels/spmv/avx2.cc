// SpMV for AVX2 with FMA: 8 rows per ymm accumulator; dense broadcasts x; in sell it comes lane by
// lane. Sell is bound by memory, or else by the load ports: 11 loads for 8 nonzeros, two a cycle.
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

// The hardware's prefetchers stop at every page, and weights of one position are read once: values
// are asked for this many bytes ahead, columns half as many. Weights from memory: +10 to 20%; in
// the caches: up to -3%.
constexpr int64_t kAhead = 2048;

inline __attribute__((always_inline)) void prefetch(const void* p, int64_t ahead) {
  _mm_prefetch(static_cast<const char*>(p) + ahead, _MM_HINT_T0);
}

void sell(const SpmvArgs& args) {
  constexpr int kLanes = 8;
  const uint16_t* columns = args.columns + int64_t{args.depth[0]} * kLanes;
  const float* values = args.values + int64_t{args.depth[0]} * kLanes;
  const float* x = args.x;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(32) float lanes[kLanes];
    spmv_start(args, args.rows + slice * kLanes, kLanes, lanes);
    __m256 sum = _mm256_load_ps(lanes);
    for (; depth >= 4; depth -= 4) {
      prefetch(values, kAhead);
      prefetch(values + 2 * kLanes, kAhead);
      prefetch(columns, kAhead / 2);
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++, columns += kLanes, values += kLanes) {
        sum = _mm256_fmadd_ps(_mm256_loadu_ps(values), eight(x, columns), sum);
      }
    }
    for (; depth > 0; depth--, columns += kLanes, values += kLanes) {
      sum = _mm256_fmadd_ps(_mm256_loadu_ps(values), eight(x, columns), sum);
    }
    _mm256_store_ps(lanes, sum);
    spmv_finish(args, args.rows + slice * kLanes, kLanes, lanes);
  }
}

}  // namespace

void spmv_avx2_sell_8(const SpmvArgs& args) { sell(args); }

namespace {

template <int V>
void dense(const SpmvArgs& args) {
  const float* values = args.values + int64_t{args.depth[0]} * 8 * V;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(32) float lanes[8 * V];
    spmv_start_dense(args, args.rows + slice * 8 * V, 8 * V, lanes);
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
    spmv_finish_dense(args, args.rows + slice * 8 * V, 8 * V, lanes);
  }
}

}  // namespace

void spmv_avx2_dense_8(const SpmvArgs& args) { dense<1>(args); }
void spmv_avx2_dense_32(const SpmvArgs& args) { dense<4>(args); }

}  // namespace secateur
