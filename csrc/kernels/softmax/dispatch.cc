// Chooses the softmax microkernels of an instruction set.
#include "kernels/softmax/tables.h"

namespace secateur {
namespace {

const SoftmaxKernels& kernels_of(Isa isa) {
  switch (isa) {
#define SECATEUR_CASE(name) \
  case Isa::name:           \
    return name::softmax;
    SECATEUR_FOR_EACH_ISA(SECATEUR_CASE)
#undef SECATEUR_CASE
    default:
      return scalar::softmax;
  }
}

}  // namespace

SoftmaxFn select_softmax_planes(Isa isa) { return kernels_of(isa).softmax_planes; }
SoftmaxFn select_softmax_row(Isa isa) { return kernels_of(isa).softmax_row; }

}  // namespace secateur
