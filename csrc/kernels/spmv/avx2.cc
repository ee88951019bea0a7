// SpMV for AVX2 with FMA: 8 rows per ymm accumulator; dense and shared broadcast x; in sell it
// comes lane by lane. Sell is bound by memory, or else by the load ports: 11 loads for 8 nonzeros,
// two a cycle.
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

// Of dense and shared slices, which differ in the column that a depth meets.
template <int V, bool kShared>
void broadcast(const SpmvArgs& args) {
  const float* values = args.values + int64_t{args.depth[0]} * 8 * V;
  const uint16_t* columns = args.columns + (kShared ? args.depth[0] : 0);
  const bool plain = spmv_plain(args);
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t* rows = args.rows + slice * 8 * V;
    const int32_t depth = args.depth[slice + 1] - args.depth[slice];
    alignas(32) float lanes[8 * V];
    const bool whole = plain && rows[8 * V - 1] >= 0;
    if (!whole) spmv_start(args, rows, 8 * V, lanes);
    const float* start = !whole ? lanes : args.bias ? args.bias + rows[0] : nullptr;
    __m256 sum[2][V];
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      sum[0][i] = start ? _mm256_loadu_ps(start + 8 * i) : _mm256_setzero_ps();
      sum[1][i] = _mm256_setzero_ps();
    }
    int32_t d = 0;
    for (; d + 2 <= depth; d += 2) {
#pragma GCC unroll 2
      for (int j = 0; j < 2; j++, values += 8 * V) {
        const __m256 x = _mm256_broadcast_ss(args.x + (kShared ? columns[d + j] : d + j));
#pragma GCC unroll 4
        for (int i = 0; i < V; i++) {
          sum[j][i] = _mm256_fmadd_ps(x, _mm256_loadu_ps(values + 8 * i), sum[j][i]);
        }
      }
    }
    if (d < depth) {
      const __m256 x = _mm256_broadcast_ss(args.x + (kShared ? columns[d] : d));
#pragma GCC unroll 4
      for (int i = 0; i < V; i++) {
        sum[0][i] = _mm256_fmadd_ps(x, _mm256_loadu_ps(values + 8 * i), sum[0][i]);
      }
      values += 8 * V;
    }
    float* y = whole ? args.y + rows[0] : lanes;
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      _mm256_storeu_ps(y + 8 * i, _mm256_add_ps(sum[0][i], sum[1][i]));
    }
    if (!whole) spmv_finish(args, rows, 8 * V, lanes);
    if (kShared) columns += depth;
  }
}

}  // namespace

void spmv_avx2_dense_8(const SpmvArgs& args) { broadcast<1, false>(args); }
void spmv_avx2_dense_32(const SpmvArgs& args) { broadcast<4, false>(args); }
void spmv_avx2_shared_8(const SpmvArgs& args) { broadcast<1, true>(args); }
void spmv_avx2_shared_16(const SpmvArgs& args) { broadcast<2, true>(args); }

namespace {

inline __attribute__((always_inline)) __m256 picked(const float* x, __m256i pick) {
  return _mm256_permutevar8x32_ps(_mm256_loadu_ps(x), pick);
}

// Four depths at a time, as their picks come: bits beyond the lowest three are not looked at. V
// vectors of rows share a window. What a short slice needs beside its loop is half as much as that,
// hence the copies of `args`.
template <int V>
void window(const SpmvArgs& args) {
  constexpr int kLanes = 8 * V;
  const uint16_t *first = args.columns, *columns = first + args.depth[0];
  const uint32_t* picks = args.picks;
  const float *values = args.values + int64_t{args.depth[0]} * kLanes, *x = args.x;
  const float* bias = args.bias;
  const int32_t *rows = args.rows, *end = args.depth + 1, *last = args.depth + args.slices;
  const bool plain = args.in_order && spmv_plain(args);
  for (; end <= last; end++, rows += kLanes) {
    alignas(32) float lanes[kLanes];
    const bool whole = plain && rows[kLanes - 1] >= 0;
    if (!whole) spmv_start(args, rows, kLanes, lanes);
    const float* start = !whole ? lanes : bias ? bias + rows[0] : nullptr;
    __m256 sum[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      sum[v] = start ? _mm256_loadu_ps(start + 8 * v) : _mm256_setzero_ps();
    }
    for (const uint16_t* stop = first + *end; columns < stop; columns += 4) {
      __m256i pick[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; v++)
        pick[v] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(picks + 8 * v));
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) {
          const __m256 weights = _mm256_loadu_ps(values + i * kLanes + 8 * v);
          sum[v] = _mm256_fmadd_ps(weights, picked(x + columns[i], pick[v]), sum[v]);
          pick[v] = _mm256_srli_epi32(pick[v], 8);
        }
      }
      picks += kLanes;
      values += 4 * kLanes;
    }
    float* y = whole ? args.y + rows[0] : lanes;
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) _mm256_storeu_ps(y + 8 * v, sum[v]);
    if (!whole) spmv_finish(args, rows, kLanes, lanes);
  }
}

}  // namespace

void spmv_avx2_window_8(const SpmvArgs& args) { window<1>(args); }
void spmv_avx2_window_16(const SpmvArgs& args) { window<2>(args); }

}  // namespace secateur
