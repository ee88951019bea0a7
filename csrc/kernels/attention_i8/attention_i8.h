// Scaled dot-product attention of one head in bytes, for one block of queries; its bits are
// docs/numerics.md's:
//
//   S[t][i] = sum_d k[d][t] (q[d][i] - zero of q)       (keys t, queries i; int32)
//   p[t][i] = rint(255 * 2^((S[t][i] - max_t S[t][i]) * factor)), a byte
//   y[d][i] = (sum_t p[t][i] (v[d][t] - zero of v)) / (sum_t p[t][i]), rescaled
//
// Both sums are exact, so their order is free. What k's zero point would add is the same for all
// keys of a query, and goes with the maximum; of a softmax it is never computed.
//
// q, k, v, y are planes4: of a head's channels four lie side by side, a quad, as a dot product of
// bytes wants them. v's quads are of four channels where those of four keys are wanted: they are
// turned once a head, by `pack`. Bound by the dot products where the CPU has them.
#pragma once

#include <cstdint>

#include "base/isa.h"
#include "kernels/codes/codes.h"

namespace secateur {

// Keys, and channels of values, are packed by this many.
inline constexpr int64_t kAttentionI8Rows = 8;

struct AttentionI8Head {
  const uint32_t *k, *v;  // quads
  int64_t k_stride, v_stride;
  int64_t head_quads, value_quads, keys;
  uint32_t* packed_k;  // [head_quads][keys, rounded up]: signed, or unsigned as its kernels want
  int32_t* key_sums;   // [keys, rounded up]: of packed_k's bytes
  uint32_t* packed_v;  // [keys / 4, rounded up][channels, rounded up]: quads of four keys
};

struct AttentionI8Tile {
  AttentionI8Head head;
  const uint32_t* q;
  uint32_t* y;  // quads; queries [first_query, first_query + queries) are written
  int64_t q_stride, y_stride;
  int64_t first_query, queries;  // queries <= query_block
  bool causal;                   // query i sees keys t <= i
  int32_t q_zero, v_zero;
  float factor;    // of a score, to a power of two
  float y_factor;  // of a mean of v
  ToCode to;
  void* scratch;  // attention_i8_scratch_bytes
};

struct AttentionI8Kernel {
  Isa isa;
  int query_block;
  void (*pack)(const AttentionI8Head& head);
  void (*run)(const AttentionI8Tile& tile);
};

const AttentionI8Kernel& select_attention_i8(Features have);
int64_t attention_i8_scratch_bytes(const AttentionI8Kernel& kernel, int64_t head_quads,
                                   int64_t value_quads, int64_t keys);

}  // namespace secateur
