// Attention of bytes over dot products of four; attention_i8.h has the equations. Include in a file
// that defines SCT_ISA and, in an unnamed namespace of secateur:
//
//   kLanes, kRows, kVectors   positions of a vector; rows and vectors of a tile of sums
//   kFlip                     0 where the second factor of a dot product is signed, else 0x80808080
//   Bytes, load_bytes(p)      kLanes quads of unsigned bytes
//   Quads, load_quads(p)      four quads, each a factor for all lanes
//   Sums, no_sums()           kLanes sums
//   add_dots<i>(sums, bytes, quads), store_sums(int32_t*, sums)
//   turned(x, y)              y[c] = byte c of each of four quads, c = 0..3
//
// What is not a dot product is plain C++ that compilers vectorise over the queries of a block.
#include "kernels/attention_i8/attention_i8.h"
#include "kernels/codes/byte_of.h"

namespace secateur {
namespace {

constexpr int kBlock = kVectors * kLanes;
static_assert(kRows % 4 == 0 && kAttentionI8Rows % kRows == 0);

inline int64_t rounded(int64_t n) {
  return (n + kAttentionI8Rows - 1) / kAttentionI8Rows * kAttentionI8Rows;
}

// out[r][i] = sum_j x[j][i] . w[j][r], for `rows` rows, a multiple of kRows.
void products(const uint32_t* x, const uint32_t* w, int64_t w_stride, int64_t depth, int64_t rows,
              int32_t* out) {
  for (int64_t row = 0; row < rows; row += kRows, out += kRows * kBlock) {
    Sums sum[kRows][kVectors];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; v++) sum[r][v] = no_sums();
    }
    for (int64_t j = 0; j < depth; j++) {
      Bytes b[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; v++) b[v] = load_bytes(x + j * kBlock + v * kLanes);
#pragma GCC unroll 2
      for (int r = 0; r < kRows; r += 4) {
        const Quads q = load_quads(w + j * w_stride + row + r);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; v++) {
          sum[r][v] = add_dots<0>(sum[r][v], b[v], q);
          sum[r + 1][v] = add_dots<1>(sum[r + 1][v], b[v], q);
          sum[r + 2][v] = add_dots<2>(sum[r + 2][v], b[v], q);
          sum[r + 3][v] = add_dots<3>(sum[r + 3][v], b[v], q);
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; r++) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; v++) {
        store_sums(out + r * kBlock + v * kLanes, sum[r][v]);
      }
    }
  }
}

void pack(const AttentionI8Head& h) {
  const int64_t keys = rounded(h.keys), channels = rounded(4 * h.value_quads);
  for (int64_t t = 0; t < keys; t++) h.key_sums[t] = 0;
  for (int64_t d = 0; d < h.head_quads; d++) {
    const uint32_t* from = h.k + d * h.k_stride;
    uint32_t* to = h.packed_k + d * keys;
    for (int64_t t = 0; t < h.keys; t++) {
      const uint32_t quad = from[t] ^ kFlip;
      to[t] = quad;
      int32_t sum = 0;
      for (int k = 0; k < 4; k++) {
        const uint32_t byte = quad >> 8 * k & 255;
        sum += kFlip ? static_cast<int32_t>(byte) : static_cast<int8_t>(byte);
      }
      h.key_sums[t] += sum;
    }
    for (int64_t t = h.keys; t < keys; t++) to[t] = 0;
  }
  for (int64_t t = 0; t < keys; t += 4) {
    uint32_t* to = h.packed_v + t / 4 * channels;
    for (int64_t c = 0; c < h.value_quads; c++) {
      const uint32_t* from = h.v + c * h.v_stride + t;
      if (t + 4 <= h.keys) {
        turned(from, to + 4 * c);
      } else {
        uint32_t last[4] = {};
        for (int64_t k = 0; t + k < h.keys; k++) last[k] = from[k];
        turned(last, to + 4 * c);
      }
    }
    for (int64_t c = 4 * h.value_quads; c < channels; c++) to[c] = 0;
    if (kFlip) {
      for (int64_t c = 0; c < channels; c++) to[c] ^= kFlip;
    }
  }
}

// 255 * 2^z, z <= 0, to the nearest integer. From -16 downwards it is 0.
inline __attribute__((always_inline)) uint32_t weight_of(float z) {
  // As integers, where a float's minimum becomes a branch that keeps GCC from vectors: of numbers
  // that are not positive the lesser has the greater bits.
  constexpr uint32_t least = 0xc1800000u;  // of -16
  uint32_t z_bits;
  __builtin_memcpy(&z_bits, &z, 4);
  z_bits = z_bits < least ? z_bits : least;
  __builtin_memcpy(&z, &z_bits, 4);
  const int32_t n = nearest(z);
  const float f = z - static_cast<float>(n);
  // 2^f for |f| <= 1/2, off by 7.5e-5 of itself (Remez).
  float t = 14.068775f * f + 61.865837f;
  t = t * f + 176.78156f;
  t = t * f + 254.98166f;
  const int32_t bits = (n + 127) << 23;
  float power;
  __builtin_memcpy(&power, &bits, 4);
  return static_cast<uint32_t>(nearest(t * power));
}

// Scores to weights, four keys a quad, and their sums. shift[t] + top[i]: what S[t][i] is less.
// Query i sees its first seen[i] keys, all of them at least `all`, none more than `most`.
struct Weights {
  const int32_t* scores;  // [keys][kBlock]
  const int32_t* shift;
  const int32_t* seen;
  int64_t all, most;
  float factor;
  uint32_t* p;  // [keys / 4][kBlock]
};

__attribute__((noinline)) void weights(const Weights& given, int32_t* top, int32_t* total) {
  const Weights w = given;
  for (int i = 0; i < kBlock; i++) top[i] = w.scores[i] - w.shift[0];
  for (int64_t t = 1; t < w.most; t++) {
    const int32_t* s = w.scores + t * kBlock;
    const int32_t shift = w.shift[t];
    const auto first = static_cast<int32_t>(t < w.all ? 0 : t);
    SCT_EACH_ALONE
    for (int i = 0; i < kBlock; i++) {
      const int32_t score = s[i] - shift;
      top[i] = score > top[i] && first < w.seen[i] ? score : top[i];
    }
  }
  for (int i = 0; i < kBlock; i++) total[i] = 0;
  int64_t t = 0;
  for (; t + 4 <= w.all; t += 4) {
    const int32_t* s = w.scores + t * kBlock;
    uint32_t* p = w.p + t / 4 * kBlock;
    SCT_EACH_ALONE
    for (int i = 0; i < kBlock; i++) {
      uint32_t quad = 0, sum = 0;
      for (int k = 0; k < 4; k++) {
        const int32_t less = s[k * kBlock + i] - w.shift[t + k] - top[i];
        const uint32_t weight = weight_of(static_cast<float>(less) * w.factor);
        quad |= weight << 8 * k;
        sum += weight;
      }
      p[i] = quad;
      total[i] += static_cast<int32_t>(sum);
    }
  }
  for (; t < w.most; t += 4) {
    const int32_t* s = w.scores + t * kBlock;
    uint32_t* p = w.p + t / 4 * kBlock;
    for (int i = 0; i < kBlock; i++) p[i] = 0;
    for (int k = 0; k < 4; k++) {
      SCT_EACH_ALONE
      for (int i = 0; i < kBlock; i++) {
        const int32_t less = s[k * kBlock + i] - w.shift[t + k] - top[i];
        const uint32_t sees = static_cast<int32_t>(t + k) < w.seen[i] ? 0xffffffffu : 0;
        const uint32_t weight = weight_of(static_cast<float>(less) * w.factor) & sees;
        p[i] |= weight << 8 * k;
        total[i] += static_cast<int32_t>(weight);
      }
    }
  }
}

void attend(const AttentionI8Tile& a) {
  const AttentionI8Head& h = a.head;
  const int64_t channels = rounded(4 * h.value_quads), padded = rounded(h.keys);
  // Those keys that the block's last query sees.
  const int64_t last = a.first_query + a.queries;
  const int64_t most = a.causal && last < h.keys ? last : h.keys, keys = rounded(most);
  auto* shift = static_cast<int32_t*>(a.scratch);                    // [padded]
  auto* q = reinterpret_cast<uint32_t*>(shift + padded);             // [head_quads][kBlock]
  auto* p = q + h.head_quads * kBlock;                               // [padded / 4][kBlock]
  auto* sums = reinterpret_cast<int32_t*>(p + padded / 4 * kBlock);  // [padded or channels][kBlock]
  for (int64_t t = 0; t < keys; t++) shift[t] = (128 + a.q_zero) * h.key_sums[t];
  for (int64_t d = 0; d < h.head_quads; d++) {
    const uint32_t* from = a.q + d * a.q_stride + a.first_query;
    uint32_t* to = q + d * kBlock;
    for (int64_t i = 0; i < a.queries; i++) to[i] = from[i] ^ 0x80808080u;
    for (int64_t i = a.queries; i < kBlock; i++) to[i] = 0;
  }
  int32_t seen[kBlock], top[kBlock], total[kBlock];
  for (int i = 0; i < kBlock; i++) {
    const int64_t sees = a.causal ? a.first_query + i + 1 : h.keys;
    seen[i] = static_cast<int32_t>(sees < h.keys ? sees : h.keys);
  }
  products(q, h.packed_k, padded, h.head_quads, keys, sums);
  weights({sums, shift, seen, seen[0], most, a.factor, p}, top, total);
  products(p, h.packed_v, channels, (most + 3) / 4, channels, sums);

  const Bounds bounds(a.to);
  float factor[kBlock];
  int32_t less[kBlock];
  for (int i = 0; i < kBlock; i++) {
    factor[i] = a.y_factor / static_cast<float>(total[i]);
    less[i] = total[i] * (a.v_zero + (kFlip ? 128 : 0));
  }
  for (int64_t c = 0; c < h.value_quads; c++) {
    const int32_t* s = sums + 4 * c * kBlock;
    uint32_t out[kBlock];
    for (int i = 0; i < kBlock; i++) {
      uint32_t quad = 0;
      for (int k = 0; k < 4; k++) {
        const float t = static_cast<float>(s[k * kBlock + i] - less[i]) * factor[i];
        quad |= byte_of(t, bounds) << 8 * k;
      }
      out[i] = quad;
    }
    uint32_t* y = a.y + c * a.y_stride + a.first_query;
    for (int64_t i = 0; i < a.queries; i++) y[i] = out[i];
  }
}

}  // namespace

namespace SCT_ISA {
extern const AttentionI8Kernel attention_i8;
const AttentionI8Kernel attention_i8 = {Isa::SCT_ISA, kBlock, pack, attend};
}  // namespace SCT_ISA

}  // namespace secateur
