// Chooses the row splitter for a set of CPU features.
#include "kernels/simd/best_row.h"
#include "kernels/split/tables.h"

namespace secateur {
namespace {

SECATEUR_DISPATCH(SplitFn, split_rows)

}  // namespace

#if defined(__aarch64__)
void split_f16_neon(const SplitArgsOf<uint16_t>& args);
SplitF16Fn select_split_f16(Features have) {
  return have.meets(Feature::fp16) ? split_f16_neon : nullptr;
}
#else
SplitF16Fn select_split_f16(Features) { return nullptr; }
#endif

SplitFn select_split(Features have) { return kernels_of(have); }

}  // namespace secateur
