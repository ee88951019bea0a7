// Chooses the pooling microkernels of an instruction set.
#include "kernels/pool/tables.h"

namespace secateur {
namespace {

const PoolKernels& kernels_of(Isa isa) {
  switch (isa) {
#define SECATEUR_CASE(name) \
  case Isa::name:           \
    return name::pool;
    SECATEUR_FOR_EACH_ISA(SECATEUR_CASE)
#undef SECATEUR_CASE
    default:
      return scalar::pool;
  }
}

}  // namespace

PoolFn select_max_pool(Isa isa) { return kernels_of(isa).max_pool; }
PoolFn select_average_pool(Isa isa) { return kernels_of(isa).average_pool; }
ReduceFn select_reduce_sum(Isa isa) { return kernels_of(isa).reduce_sum; }
ReduceFn select_reduce_max(Isa isa) { return kernels_of(isa).reduce_max; }

}  // namespace secateur
