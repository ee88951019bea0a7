// SpMV in portable C++.
#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

#include "kernels/spmv/store.inc"

template <SpmvForm form, int L>
void spmv(const SpmvArgs& args) {
  constexpr bool kSell = form == SpmvForm::sell, kShared = form == SpmvForm::shared;
  for (int64_t slice = 0; slice < args.slices; slice++) {
    const int32_t begin = args.depth[slice], end = args.depth[slice + 1];
    float sum[L];
    spmv_start(args, args.rows + slice * L, L, sum);
    for (int32_t d = begin; d < end; d++) {
      const float* values = args.values + int64_t{d} * L;
      for (int i = 0; i < L; i++) {
        const int64_t column = kSell     ? args.columns[int64_t{d} * L + i]
                               : kShared ? args.columns[d]
                                         : d - begin;
        sum[i] += values[i] * args.x[column];
      }
    }
    spmv_finish(args, args.rows + slice * L, L, sum);
  }
}

}  // namespace

void spmv_scalar_sell_4(const SpmvArgs& args) { spmv<SpmvForm::sell, 4>(args); }
void spmv_scalar_dense_4(const SpmvArgs& args) { spmv<SpmvForm::dense, 4>(args); }
void spmv_scalar_shared_4(const SpmvArgs& args) { spmv<SpmvForm::shared, 4>(args); }

}  // namespace secateur
