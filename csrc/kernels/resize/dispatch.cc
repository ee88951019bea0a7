// Chooses the resampling microkernels of an instruction set.
#include "kernels/resize/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

SCT_DISPATCH(ResizeKernels, resize)

}  // namespace

CombineRowsFn select_combine_rows(Features have) { return kernels_of(have).combine_rows; }
GatherColumnsFn select_gather_columns(Features have) { return kernels_of(have).gather_columns; }

}  // namespace secateur
