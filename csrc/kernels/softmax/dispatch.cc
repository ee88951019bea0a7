// Chooses the softmax microkernels of an instruction set.
#include "kernels/simd/best_row.h"
#include "kernels/softmax/tables.h"

namespace secateur {
namespace {

SCT_DISPATCH(SoftmaxKernels, softmax)

}  // namespace

SoftmaxFn select_softmax_planes(Features have) { return kernels_of(have).softmax_planes; }
SoftmaxFn select_softmax_row(Features have) { return kernels_of(have).softmax_row; }

}  // namespace secateur
