// Attention over the vector interface of kernels/simd; attention.h has the equations. SCT_ISA
// names the instruction set. Registers: kRows x kVectors sums, kVectors of queries (or of
// probabilities), and the scalars of the other operand, multiplied by element or by broadcast.
#include "kernels/attention/tables.h"
#include "kernels/simd/math.h"

namespace secateur {
namespace {
using namespace simd;

constexpr int kRows = SCT_ISA::kAttentionRows;
constexpr int kVectors = SCT_ISA::kAttentionVectors;
constexpr int kBlock = kVectors * kLanes;
constexpr float kMinusInfinity = -__builtin_huge_valf();
static_assert(kRows % 4 == 0);

struct State {  // per query: the running maximum and sum
  Vec top[kVectors], sum[kVectors];
};

// Masks a row of scores (key t), stores it, and raises the block's maximum.
inline void finish_scores(const AttentionTile& a, int64_t t, const Vec* s, float* out, Vec* top,
                          const Vec* query) {
  for (int v = 0; v < kVectors; ++v) {
    Vec x = s[v];
    if (a.mask != nullptr) {
      x = add(x, load(a.mask + t * a.mask_stride + a.first_query + v * kLanes));
    }
    if (a.causal && t > a.first_query) {
      x = select(less(query[v], splat(static_cast<float>(t))), splat(kMinusInfinity), x);
    }
    store(out + v * kLanes, x);
    top[v] = max_nan(top[v], x);
  }
}

template <int i>
inline void add_products(Four f, const Vec* b, Vec (*sum)[kVectors]) {
  for (int v = 0; v < kVectors; ++v) sum[i][v] = fma_by<i>(f, b[v], sum[i][v]);
}

void scores(const AttentionTile& a, const float* q, int64_t begin, int64_t end, float* out,
            Vec* top, const Vec* query) {
  int64_t t = begin;
  for (; t + kRows <= end; t += kRows, out += kRows * kBlock) {
    Vec sum[kRows][kVectors];
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < kVectors; ++v) sum[r][v] = zero();
    }
    const float* k = a.k + t;
    for (int64_t d = 0; d < a.head_dim; ++d, k += a.k_stride) {
      Vec x[kVectors];
      for (int v = 0; v < kVectors; ++v) x[v] = load(q + d * kBlock + v * kLanes);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; r += 4) {
        const Four f = load_four(k + r);
        add_products<0>(f, x, sum + r);
        add_products<1>(f, x, sum + r);
        add_products<2>(f, x, sum + r);
        add_products<3>(f, x, sum + r);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      finish_scores(a, t + r, sum[r], out + r * kBlock, top, query);
    }
  }
  for (; t < end; ++t, out += kBlock) {
    Vec sum[kVectors];
    for (int v = 0; v < kVectors; ++v) sum[v] = zero();
    for (int64_t d = 0; d < a.head_dim; ++d) {
      const Vec k = splat(a.k[d * a.k_stride + t]);
      for (int v = 0; v < kVectors; ++v) sum[v] = fma(k, load(q + d * kBlock + v * kLanes), sum[v]);
    }
    finish_scores(a, t, sum, out, top, query);
  }
}

template <int i>
inline void add_key(const Four* f, const float* p, Vec (*sum)[kVectors]) {
  for (int v = 0; v < kVectors; ++v) {
    const Vec x = load(p + i * kBlock + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sum[r][v] = fma_by<i>(f[r], x, sum[r][v]);
  }
}

// out[d] = out[d] * rescale + sum_t v[d][t] p[t], for kRows channels d.
inline void weigh_rows(const AttentionTile& a, const float* values, const float* p, int64_t keys,
                       float* out, const Vec* rescale) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = mul(load(out + r * kBlock + v * kLanes), rescale[v]);
    }
  }
  int64_t t = 0;
  const float* row[kRows];  // advanced, with 4 lanes: 82 instructions for 64 FMAs instead of 98
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) row[r] = values + r * a.v_stride;
  for (; t + 4 <= keys; t += 4) {
    Four f[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      f[r] = load_four(kLanes == 4 ? row[r] : values + r * a.v_stride + t);
      row[r] += 4;
    }
    add_key<0>(f, p + t * kBlock, sum);
    add_key<1>(f, p + t * kBlock, sum);
    add_key<2>(f, p + t * kBlock, sum);
    add_key<3>(f, p + t * kBlock, sum);
  }
  for (; t < keys; ++t) {
    for (int v = 0; v < kVectors; ++v) {
      const Vec x = load(p + t * kBlock + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        sum[r][v] = fma(splat(values[r * a.v_stride + t]), x, sum[r][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(out + r * kBlock + v * kLanes, sum[r][v]);
  }
}

void weigh(const AttentionTile& a, const float* values, const float* p, int64_t keys, float* out,
           const Vec* rescale) {
  int64_t d = 0;
  for (; d + kRows <= a.value_dim; d += kRows) {
    weigh_rows(a, values + d * a.v_stride, p, keys, out + d * kBlock, rescale);
  }
  for (; d < a.value_dim; ++d) {
    for (int v = 0; v < kVectors; ++v) {
      Vec sum = mul(load(out + d * kBlock + v * kLanes), rescale[v]);
      for (int64_t t = 0; t < keys; ++t) {
        sum = fma(splat(values[d * a.v_stride + t]), load(p + t * kBlock + v * kLanes), sum);
      }
      store(out + d * kBlock + v * kLanes, sum);
    }
  }
}

// p = exp(p - base), and the sums over keys. A function of its own, so that the constants of exp
// stay in registers.
__attribute__((noinline)) void exponentials(float* p, int64_t keys, const Vec* base, Vec* sums) {
  Vec from[kVectors], sum[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    from[v] = base[v];
    sum[v] = sums[v];
  }
  for (int64_t t = 0; t < keys; ++t) {
    for (int v = 0; v < kVectors; ++v) {
      const Vec e = exp(sub(load(p + t * kBlock + v * kLanes), from[v]));
      store(p + t * kBlock + v * kLanes, e);
      sum[v] = add(sum[v], e);
    }
  }
  for (int v = 0; v < kVectors; ++v) sums[v] = sum[v];
}

inline int lanes_of(const AttentionTile& a, int v) {
  const int64_t n = a.queries - v * kLanes;
  return n < 0 ? 0 : (n < kLanes ? static_cast<int>(n) : kLanes);
}

void attend(const AttentionTile& a) {
  float* q = a.scratch;                   // [head_dim][kBlock], scaled
  float* out = q + a.head_dim * kBlock;   // [value_dim][kBlock]
  float* p = out + a.value_dim * kBlock;  // [key block][kBlock]
  for (int64_t d = 0; d < a.head_dim; ++d) {
    for (int v = 0; v < kVectors; ++v) {
      const float* from = a.q + d * a.q_stride + a.first_query + v * kLanes;
      const int n = lanes_of(a, v);
      store(q + d * kBlock + v * kLanes, n > 0 ? mul(load_n(from, n), splat(a.scale)) : zero());
    }
  }
  for (int64_t d = 0; d < a.value_dim * kVectors; ++d) store(out + d * kLanes, zero());

  State state;
  Vec query[kVectors];
  float number[kBlock];
  for (int i = 0; i < kBlock; ++i) number[i] = static_cast<float>(a.first_query + i);
  for (int v = 0; v < kVectors; ++v) {
    state.top[v] = splat(kMinusInfinity);
    state.sum[v] = zero();
    query[v] = load(number + v * kLanes);
  }

  int64_t seen = a.keys;
  if (a.causal && a.first_query + a.queries < seen) seen = a.first_query + a.queries;
  for (int64_t begin = 0; begin < seen; begin += kAttentionKeyBlock) {
    const int64_t end = begin + kAttentionKeyBlock < seen ? begin + kAttentionKeyBlock : seen;
    Vec top[kVectors], base[kVectors], rescale[kVectors];
    for (int v = 0; v < kVectors; ++v) top[v] = state.top[v];
    scores(a, q, begin, end, p, top, query);
    for (int v = 0; v < kVectors; ++v) {
      // Nothing but -infinity so far: subtract 0, so that the exponentials are 0 and not NaN.
      base[v] = select(equal(top[v], splat(kMinusInfinity)), zero(), top[v]);
      rescale[v] = exp(sub(state.top[v], base[v]));
      state.top[v] = top[v];
      state.sum[v] = mul(state.sum[v], rescale[v]);
    }
    exponentials(p, end - begin, base, state.sum);
    weigh(a, a.v + begin, p, end - begin, out, rescale);
  }

  for (int v = 0; v < kVectors; ++v) {
    const int n = lanes_of(a, v);
    if (n == 0) break;
    const Vec inverse = select(equal(state.sum[v], zero()), zero(), div(splat(1.f), state.sum[v]));
    for (int64_t d = 0; d < a.value_dim; ++d) {
      store_n(a.y + d * a.y_stride + a.first_query + v * kLanes,
              mul(load(out + d * kBlock + v * kLanes), inverse), n);
    }
  }
}

}  // namespace

#define SCT_STRING_OF(x) #x
#define SCT_STRING(x) SCT_STRING_OF(x)
namespace SCT_ISA {
const AttentionKernel attention = {SCT_STRING(SCT_ISA), kBlock, attend};
}  // namespace SCT_ISA
#undef SCT_STRING
#undef SCT_STRING_OF

}  // namespace secateur
