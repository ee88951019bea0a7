// The attention microkernel of one instruction set: <isa>::attention, defined in <isa>.cc.
#pragma once

#include "kernels/attention/attention.h"

namespace secateur {

inline constexpr int64_t kAttentionKeyBlock = 128;

#define SCT_ATTENTION(isa, rows, vectors)    \
  namespace isa {                            \
  extern const AttentionKernel attention;    \
  constexpr int kAttentionRows = rows;       \
  constexpr int kAttentionVectors = vectors; \
  }
#include "kernels/attention/kernels.inc"

}  // namespace secateur
