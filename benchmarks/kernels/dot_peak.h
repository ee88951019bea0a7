// The peak of one core in dot products of i8, operations (two a multiply-add) a second, by
// independent ones in registers: what shares of peak of i8 kernels refer to.
#pragma once

#include "base/isa.h"

namespace secateur {

// Takes some 0.1 ms. Of an ISA without dot products, by what its kernels use instead: widened
// products and additions.
double dot_peak(Isa isa);

}  // namespace secateur
