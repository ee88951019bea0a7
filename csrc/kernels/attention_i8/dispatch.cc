// Chooses the attention of bytes for a set of CPU features.
#include "kernels/attention_i8/attention_i8.h"
#include "kernels/simd/best_row.h"

namespace secateur {

SCT_FOR_EACH_ISA(SCT_DECLARE_TABLE, AttentionI8Kernel, attention_i8)
SCT_FOR_EACH_DOT_ISA(SCT_DECLARE_TABLE, AttentionI8Kernel, attention_i8)

const AttentionI8Kernel& select_attention_i8(Features have) {
  static constexpr IsaRow<AttentionI8Kernel> kRows[] = {SCT_FOR_EACH_ISA(
      SCT_TABLE_ROW, attention_i8) SCT_FOR_EACH_DOT_ISA(SCT_TABLE_ROW, attention_i8)};
  return *best_row(kRows, have).kernels;
}

int64_t attention_i8_scratch_bytes(const AttentionI8Kernel& kernel, int64_t head_quads,
                                   int64_t value_quads, int64_t keys) {
  const auto rounded = [](int64_t n) {
    return (n + kAttentionI8Rows - 1) / kAttentionI8Rows * kAttentionI8Rows;
  };
  const int64_t padded = rounded(keys), channels = rounded(4 * value_quads);
  const int64_t rows = head_quads + padded / 4 + (padded > channels ? padded : channels);
  return (4 * (padded + rows * kernel.query_block) + 63) / 64 * 64;
}

}  // namespace secateur
