// Chooses the row splitter for a set of CPU features.
#include "kernels/simd/best_row.h"
#include "kernels/split/tables.h"

namespace secateur {
namespace {

SECATEUR_DISPATCH(SplitFn, split_rows)

}  // namespace

SplitFn select_split(Features have) { return kernels_of(have); }

}  // namespace secateur
