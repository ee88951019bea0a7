// Chooses the normalisation microkernels of an instruction set.
#include "kernels/norm/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

SCT_DISPATCH(NormKernels, norm)

}  // namespace

LayerNormFn select_layer_norm_planes(Features have) { return kernels_of(have).layer_norm_planes; }
LayerNormFn select_layer_norm_row(Features have) { return kernels_of(have).layer_norm_row; }

}  // namespace secateur
