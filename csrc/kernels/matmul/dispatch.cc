// Chooses the microkernel of dense products for a set of CPU features.
#include "kernels/matmul/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

constexpr IsaRow<MatMulKernel> kRows[] = {
#define SCT_MATMUL(isa, rows, vectors) {Isa::isa, &isa::matmul},
#include "kernels/matmul/kernels.inc"
};

}  // namespace

MatMulKernel select_matmul(Features have) { return *best_row(kRows, have).kernels; }

}  // namespace secateur
