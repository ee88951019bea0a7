// Chooses the pooling microkernels of an instruction set.
#include "kernels/pool/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

SCT_DISPATCH(PoolKernels, pool)

}  // namespace

PoolFn select_max_pool(Features have) { return kernels_of(have).max_pool; }
PoolFn select_average_pool(Features have) { return kernels_of(have).average_pool; }
ReduceFn select_reduce_sum(Features have) { return kernels_of(have).reduce_sum; }
ReduceFn select_reduce_max(Features have) { return kernels_of(have).reduce_max; }
ReduceFn select_reduce_min(Features have) { return kernels_of(have).reduce_min; }

}  // namespace secateur
