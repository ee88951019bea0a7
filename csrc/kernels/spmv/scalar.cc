// SpMV in portable C++.
#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

#include "kernels/spmv/store.inc"

template <bool kSell, int L>
void spmv(const SpmvArgs& args) {
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t begin = args.depth[slice], end = args.depth[slice + 1];
    float sum[L];
    if (kSell) {
      spmv_start(args, args.rows + slice * L, L, sum);
    } else {
      spmv_start_dense(args, args.rows + slice * L, L, sum);
    }
    for (int32_t d = begin; d < end; d++) {
      const float* values = args.values + int64_t{d} * L;
      for (int i = 0; i < L; i++) {
        const float x = kSell ? args.x[args.columns[int64_t{d} * L + i]] : args.x[d - begin];
        sum[i] += values[i] * x;
      }
    }
    if (kSell) {
      spmv_finish(args, args.rows + slice * L, L, sum);
    } else {
      spmv_finish_dense(args, args.rows + slice * L, L, sum);
    }
  }
}

}  // namespace

void spmv_scalar_sell_4(const SpmvArgs& args) { spmv<true, 4>(args); }
void spmv_scalar_dense_4(const SpmvArgs& args) { spmv<false, 4>(args); }

}  // namespace secateur
