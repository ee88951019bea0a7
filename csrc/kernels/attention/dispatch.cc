// Chooses the attention microkernel of an instruction set.
#include "kernels/attention/tables.h"

namespace secateur {

AttentionKernel select_attention(Isa isa) {
  switch (isa) {
#define SECATEUR_ATTENTION(name, rows, vectors) \
  case Isa::name:                               \
    return name::attention;
#include "kernels/attention/kernels.inc"
    default:
      return scalar::attention;
  }
}

int64_t attention_scratch_floats(const AttentionKernel& kernel, int64_t head_dim,
                                 int64_t value_dim) {
  const int64_t floats = (head_dim + value_dim + kAttentionKeyBlock) * kernel.query_block;
  return (floats + 15) / 16 * 16;
}

}  // namespace secateur
