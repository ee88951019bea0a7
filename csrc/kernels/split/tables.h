// The row splitter of one instruction set: <isa>::split_rows, defined in <isa>.cc.
#pragma once

#include "kernels/simd/isas.h"
#include "kernels/split/split.h"

namespace secateur {

SCT_DECLARE_TABLES(SplitFn, split_rows)
namespace neonfp16 {  // AArch64 alone
extern const SplitF16Fn split_rows;
}

}  // namespace secateur
