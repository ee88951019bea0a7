// Chooses the resampling microkernels of an instruction set.
#include "kernels/resize/tables.h"

namespace secateur {
namespace {

const ResizeKernels& kernels_of(Isa isa) {
  switch (isa) {
#define SECATEUR_CASE(name) \
  case Isa::name:           \
    return name::resize;
    SECATEUR_FOR_EACH_ISA(SECATEUR_CASE)
#undef SECATEUR_CASE
    default:
      return scalar::resize;
  }
}

}  // namespace

CombineRowsFn select_combine_rows(Isa isa) { return kernels_of(isa).combine_rows; }
GatherColumnsFn select_gather_columns(Isa isa) { return kernels_of(isa).gather_columns; }

}  // namespace secateur
