// Chooses the elementwise microkernels of an instruction set.
#include "kernels/elementwise/tables.h"

namespace secateur {
namespace {

const ElementwiseKernels& kernels_of(Isa isa) {
  switch (isa) {
#define SECATEUR_CASE(name) \
  case Isa::name:           \
    return name::elementwise;
    SECATEUR_FOR_EACH_ISA(SECATEUR_CASE)
#undef SECATEUR_CASE
    default:
      return scalar::elementwise;
  }
}

}  // namespace

ActivationFn select_activation(int kind, Isa isa) { return kernels_of(isa).in_place[kind]; }
UnaryFn select_unary(int kind, Isa isa) { return kernels_of(isa).unary[kind]; }
BinaryFn select_binary(int kind, BinaryForm form, Isa isa) {
  return kernels_of(isa).binary[kind][static_cast<int>(form)];
}

}  // namespace secateur
