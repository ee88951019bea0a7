// The FMA peak of one core, FLOP/s, by independent FMAs in registers: what shares of peak refer to.
// avx2 and avx512 are measured apart, since their peaks may differ.
#pragma once

#include "base/isa.h"

namespace secateur {

// Takes some 0.1 ms. The scalar ISA is measured as the baseline's vectors.
double fma_peak(Isa isa);

// The same in dot products of i8: operations, two a multiply-add. Of an ISA without them, by what
// its kernels use instead: widened products and additions.
double dot_peak(Isa isa);

}  // namespace secateur
