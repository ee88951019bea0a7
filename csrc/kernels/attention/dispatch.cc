// Chooses the attention microkernel for a set of CPU features.
#include "kernels/attention/tables.h"
#include "kernels/simd/best_row.h"

namespace secateur {
namespace {

constexpr IsaRow<AttentionKernel> kRows[] = {
#define SCT_ATTENTION(isa, rows, vectors) {Isa::isa, &isa::attention},
#include "kernels/attention/kernels.inc"
};

}  // namespace

AttentionKernel select_attention(Features have) { return *best_row(kRows, have).kernels; }

int64_t attention_scratch_floats(const AttentionKernel& kernel, int64_t head_dim,
                                 int64_t value_dim) {
  const int64_t floats = (head_dim + value_dim + kAttentionKeyBlock) * kernel.query_block;
  return (floats + 15) / 16 * 16;
}

}  // namespace secateur
