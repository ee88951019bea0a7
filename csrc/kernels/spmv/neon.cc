// SpMV for Armv8-A Advanced SIMD: 4 rows per v register. sell loads x lane by lane (`ld1` into a
// lane: no gather on these cores), four depths at a time into four accumulators; dense broadcasts
// x.
#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

#include "kernels/spmv/store.inc"

inline __attribute__((always_inline)) float32x4_t gather(const float* x, const uint16_t* c) {
  float32x4_t v = vld1q_dup_f32(x + c[0]);
  v = vld1q_lane_f32(x + c[1], v, 1);
  v = vld1q_lane_f32(x + c[2], v, 2);
  return vld1q_lane_f32(x + c[3], v, 3);
}

}  // namespace

void spmv_neon_sell_4(const SpmvArgs& args) {
  const uint16_t* columns = args.columns + int64_t{args.depth[0]} * 4;
  const float* values = args.values + int64_t{args.depth[0]} * 4;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    int32_t depth = args.depth[slice + 1] - args.depth[slice];
    float lanes[4];
    spmv_start(args, args.rows + slice * 4, 4, lanes);
    float32x4_t sum[4] = {vld1q_f32(lanes), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    for (; depth >= 4; depth -= 4, columns += 16, values += 16) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) {
        sum[j] = vfmaq_f32(sum[j], vld1q_f32(values + 4 * j), gather(args.x, columns + 4 * j));
      }
    }
    // Each to the sum that it would go to in a longer slice: a row's bits do not depend on the rows
    // beside it, and so not on the number of threads.
#pragma GCC unroll 3
    for (int j = 0; j < 3; j++) {
      if (j == depth) break;
      sum[j] = vfmaq_f32(sum[j], vld1q_f32(values), gather(args.x, columns));
      columns += 4;
      values += 4;
    }
    vst1q_f32(lanes, vaddq_f32(vaddq_f32(sum[0], sum[1]), vaddq_f32(sum[2], sum[3])));
    spmv_finish(args, args.rows + slice * 4, 4, lanes);
  }
}

namespace {

// Of dense and shared slices, which differ in the column that a depth meets.
template <int V, bool kShared>
void broadcast(const SpmvArgs& args) {
  const float* values = args.values + int64_t{args.depth[0]} * 4 * V;
  const uint16_t* columns = args.columns + (kShared ? args.depth[0] : 0);
  const bool plain = spmv_plain(args);
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t* rows = args.rows + slice * 4 * V;
    const int32_t depth = args.depth[slice + 1] - args.depth[slice];
    float lanes[4 * V];
    const bool whole = plain && rows[4 * V - 1] >= 0;
    if (!whole) spmv_start(args, rows, 4 * V, lanes);
    const float* start = !whole ? lanes : args.bias ? args.bias + rows[0] : nullptr;
    float32x4_t sum[2][V];
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      sum[0][i] = start ? vld1q_f32(start + 4 * i) : vdupq_n_f32(0);
      sum[1][i] = vdupq_n_f32(0);
    }
    int32_t d = 0;
    for (; d + 2 <= depth; d += 2, values += 8 * V) {
      float32x2_t x;
      if (kShared) {
        x = vset_lane_f32(args.x[columns[d + 1]], vdup_n_f32(args.x[columns[d]]), 1);
      } else {
        x = vld1_f32(args.x + d);
      }
#pragma GCC unroll 4
      for (int i = 0; i < V; i++) {
        sum[0][i] = vfmaq_lane_f32(sum[0][i], vld1q_f32(values + 4 * i), x, 0);
        sum[1][i] = vfmaq_lane_f32(sum[1][i], vld1q_f32(values + 4 * (V + i)), x, 1);
      }
    }
    if (d < depth) {
      const float32x4_t x = vld1q_dup_f32(args.x + (kShared ? columns[d] : d));
#pragma GCC unroll 4
      for (int i = 0; i < V; i++) {
        sum[0][i] = vfmaq_f32(sum[0][i], vld1q_f32(values + 4 * i), x);
      }
      values += 4 * V;
    }
    float* y = whole ? args.y + rows[0] : lanes;
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      vst1q_f32(y + 4 * i, vaddq_f32(sum[0][i], sum[1][i]));
    }
    if (!whole) spmv_finish(args, rows, 4 * V, lanes);
    if (kShared) columns += depth;
  }
}

}  // namespace

void spmv_neon_dense_4(const SpmvArgs& args) { broadcast<1, false>(args); }
void spmv_neon_dense_16(const SpmvArgs& args) { broadcast<4, false>(args); }
void spmv_neon_shared_4(const SpmvArgs& args) { broadcast<1, true>(args); }
void spmv_neon_shared_16(const SpmvArgs& args) { broadcast<4, true>(args); }

}  // namespace secateur
