// Chooses the row splitter of an instruction set.
#include "kernels/split/tables.h"

namespace secateur {

SplitFn select_split(Isa isa) {
  switch (isa) {
#define SECATEUR_CASE(name) \
  case Isa::name:           \
    return name::split_rows;
    SECATEUR_FOR_EACH_ISA(SECATEUR_CASE)
#undef SECATEUR_CASE
    default:
      return scalar::split_rows;
  }
}

}  // namespace secateur
