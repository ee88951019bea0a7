// Chooses the microkernels of recurrent steps of an instruction set.
#include "kernels/recurrent/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

SCT_DISPATCH(RecurrentKernels, recurrent)

}  // namespace

const RecurrentKernels& select_recurrent(Features have) { return kernels_of(have); }

}  // namespace secateur
