// Chooses the normalisation microkernels of an instruction set.
#include "kernels/norm/tables.h"

namespace secateur {
namespace {

const NormKernels& kernels_of(Isa isa) {
  switch (isa) {
#define SECATEUR_CASE(name) \
  case Isa::name:           \
    return name::norm;
    SECATEUR_FOR_EACH_ISA(SECATEUR_CASE)
#undef SECATEUR_CASE
    default:
      return scalar::norm;
  }
}

}  // namespace

LayerNormFn select_layer_norm_planes(Isa isa) { return kernels_of(isa).layer_norm_planes; }
LayerNormFn select_layer_norm_row(Isa isa) { return kernels_of(isa).layer_norm_row; }

}  // namespace secateur
