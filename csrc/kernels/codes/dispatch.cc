// Chooses the kernels of codes of an instruction set.
#include "kernels/codes/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

SCT_DISPATCH(CodesKernels, codes)

}  // namespace

const CodesKernels& select_codes(Features have) { return kernels_of(have); }

}  // namespace secateur
