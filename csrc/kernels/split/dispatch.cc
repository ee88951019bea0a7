// Chooses the row splitter for a set of CPU features.
#include "kernels/simd/best_row.h"
#include "kernels/split/tables.h"

namespace secateur {
namespace {

SCT_DISPATCH(SplitFn, split_rows)

}  // namespace

#if defined(__aarch64__)
SplitF16Fn select_split_f16(Features have) {
  return have.meets(Isa::neonfp16) ? neonfp16::split_rows : nullptr;
}
#else
SplitF16Fn select_split_f16(Features) { return nullptr; }
#endif

SplitFn select_split(Features have) { return kernels_of(have); }

}  // namespace secateur
