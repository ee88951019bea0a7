// Chooses the elementwise microkernels of an instruction set.
#include "kernels/elementwise/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

SCT_DISPATCH(ElementwiseKernels, elementwise)

}  // namespace

ActivationFn select_activation(int kind, Features have) { return kernels_of(have).in_place[kind]; }
UnaryFn select_unary(int kind, Features have) { return kernels_of(have).unary[kind]; }
BinaryFn select_binary(int kind, BinaryForm form, Features have) {
  return kernels_of(have).binary[kind][static_cast<int>(form)];
}

}  // namespace secateur
