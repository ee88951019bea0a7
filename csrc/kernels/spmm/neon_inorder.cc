// SpMM, mr = 1, for cores that load 64 bits a cycle and issue two instructions in order: Cortex-A53
// (Raspberry Pi 3 and Zero 2) and A55. spmm.h has the equation; the layouts are those of neon.cc.
//
// A 128-bit load takes two cycles there and issues alone, so that 4 multiply-adds would cost three.
// Here registers hold two positions: each cycle pairs one `ldr d` with one `fmla` of two lanes, and
// 4 multiply-adds cost the two cycles that one 64-bit load port allows.
//
// Registers, nr = 48: acc[24] | x[4] in flight | w[2] (2 blocks' values)
// What is late stalls all: the activation that an FMA takes is loaded four FMAs earlier, across
// blocks; offsets and values come a pair of blocks ahead, their arithmetic between FMAs. After the
// last pair the stream's place stays where it is, so that nothing outside of it is read.
//
// Bound, cycles a pair of blocks: issue, half of its instructions, nr + 5; loads alone nr + 3.
// llvm-mca-19 -mcpu=cortex-a55: 1x48 60 / 53, 1x32 44 / 37 (neon.cc's 1x32: 62 for two blocks).
// Its Cortex-A53 finishes nothing out of order, not even a load behind an FMA, so that no order of
// instructions could pay there. Sums are added in the order of neon.cc's tiles of 32 and more.
#include <arm_neon.h>

#include "kernels/simd/neon_asm.h"
#include "kernels/spmm/spmm.h"

namespace secateur {
namespace {

constexpr int kAhead = 4;  // activations in flight: a load takes three to four cycles

// Volatile: these stay in the order in which they are written, pairs that issue together.
SCT_INLINE void fma(float32x2_t* acc, float32x2_t x, float32x2_t w) {
  asm volatile("fmla %0.2s, %1.2s, %2.s[0]" : "+w"(*acc) : "w"(x), "w"(w));
}

template <int I>
SCT_INLINE void load_at(float32x2_t* x, const char* p) {
  asm volatile("ldr %d0, [%1, %2]" : "=w"(*x) : "r"(p), "i"(8 * I), SCT_READS(p));
}

// acc[i] += w * p[2 i ...], i in [I, End), out of x[], into which it loads what comes four later:
// of p, then (with Next) of `next`. First: the turn of x[] whose load came first.
template <int I, int End, int N, int First, bool Next = true>
SCT_INLINE void multiply_run(float32x2_t* acc, float32x2_t* x, const char* p, const char* next,
                             float32x2_t w) {
  if constexpr (I < End) {
    float32x2_t* turn = x + (First + I) % kAhead;
    fma(acc + I, *turn, w);
    if constexpr (I + kAhead < N) {
      load_at<I + kAhead>(turn, p);
    } else if constexpr (Next) {
      load_at<I + kAhead - N>(turn, next);
    }
    multiply_run<I + 1, End, N, First, Next>(acc, x, p, next, w);
  }
}

struct Stream {
  const int32_t* offset;
  const float* value;
};

// Two blocks at a time; N: registers of two positions.
template <int N>
SCT_INLINE void multiply_pairs(float32x2_t* acc, const char* x, Stream* at, int64_t pairs) {
  const int32_t* offset = at->offset;
  const float* value = at->value;
  at->offset += 2 * pairs;
  at->value += 2 * pairs;
  int64_t two;  // offsets
  float32x2_t w0, w1, run[kAhead];
  asm volatile("ldr %0, [%1]" : "=r"(two) : "r"(offset), SCT_READS(offset));
  asm volatile("ldr %s0, [%1]" : "=w"(w0) : "r"(value), SCT_READS(value));
  asm volatile("ldr %s0, [%1, 4]" : "=w"(w1) : "r"(value), SCT_READS(value));
  const char* first = x + static_cast<int32_t>(two);
  const char* second = x + (two >> 32);
  load_at<0>(&run[0], first);
  load_at<1>(&run[1], first);
  load_at<2>(&run[2], first);
  load_at<3>(&run[3], first);
  constexpr int kThird = N / 3, kTurn = N % kAhead;
  // What prepares the next pair stands between FMAs, apart from what it waits for.
  for (int64_t pair = 0, last = pairs - 1; pairs > 0; pairs--) {
    multiply_run<0, kThird, N, 0>(acc, run, first, second, w0);
    asm volatile("cmp %0, %1\n\tcinc %0, %0, lt" : "+r"(pair) : "r"(last) : "cc");
    multiply_run<kThird, 2 * kThird, N, 0>(acc, run, first, second, w0);
    asm volatile("ldr %0, [%1, %2, lsl 3]" : "=r"(two) : "r"(offset), "r"(pair), SCT_READS(offset));
    const float* next_values;
    asm volatile("add %0, %1, %2, lsl 3" : "=r"(next_values) : "r"(value), "r"(pair));
    multiply_run<2 * kThird, N, N, 0>(acc, run, first, second, w0);
    asm volatile("ldr %s0, [%1]" : "=w"(w0) : "r"(next_values), SCT_READS(value));
    multiply_run<0, N - kAhead, N, kTurn>(acc, run, second, first, w1);
    asm volatile("add %0, %1, %w2, sxtw" : "=r"(first) : "r"(x), "r"(two));
    asm volatile("add %0, %1, %2, asr 32" : "=r"(second) : "r"(x), "r"(two));
    multiply_run<N - kAhead, N, N, kTurn>(acc, run, second, first, w1);
    asm volatile("ldr %s0, [%1, 4]" : "=w"(w1) : "r"(next_values), SCT_READS(value));
  }
}

// The last block of an odd number.
template <int N>
SCT_INLINE void multiply_last(float32x2_t* acc, const char* x, Stream* at) {
  int64_t offset;
  float32x2_t w, run[kAhead];
  asm volatile("ldrsw %0, [%1]" : "=r"(offset) : "r"(at->offset), SCT_READS(at->offset));
  asm volatile("ldr %s0, [%1]" : "=w"(w) : "r"(at->value), SCT_READS(at->value));
  at->offset++;
  at->value++;
  const char* p = x + offset;
  load_at<0>(&run[0], p);
  load_at<1>(&run[1], p);
  load_at<2>(&run[2], p);
  load_at<3>(&run[3], p);
  multiply_run<0, N, N, 0, false>(acc, run, p, nullptr, w);
}

template <int N>
SCT_INLINE void start(const SpmmArgs& args, int64_t row, const float* y, float32x2_t* acc) {
  if (args.accumulate) {
#pragma GCC unroll 32
    for (int i = 0; i < N; i++) acc[i] = vld1_f32(y + 2 * i);
    return;
  }
  const float32x2_t bias = vdup_n_f32(args.bias ? args.bias[row] : 0.0f);
#pragma GCC unroll 32
  for (int i = 0; i < N; i++) acc[i] = bias;
  if (args.residual) {
    const float* r = args.residual + row * args.y_stride;
#pragma GCC unroll 32
    for (int i = 0; i < N; i++) acc[i] = vadd_f32(acc[i], vld1_f32(r + 2 * i));
  }
}

template <int N>
void spmm_csr(const SpmmArgs& given) {
  const SpmmArgs args = given;
  const bool clamp_high = args.clamp && !(args.hi == __builtin_inff());
  const char* x = reinterpret_cast<const char*>(args.x);
  const int32_t *indptr = args.indptr, *rows = args.rows;
  const int32_t* const rows_end = rows + args.strips;
  int64_t begin = *indptr++;
  Stream at = {args.offsets + begin, args.values + begin};
  while (rows < rows_end) {
    const int64_t row = *rows++;
    float* y = args.y + row * args.y_stride;
    float32x2_t acc[N];
    start<N>(args, row, y, acc);
    const int64_t end = *indptr++, blocks = end - begin;
    begin = end;
    if (blocks > 1) multiply_pairs<N>(acc, x, &at, blocks >> 1);
    if (blocks & 1) multiply_last<N>(acc, x, &at);
    if (args.clamp) {
      const float32x2_t lo = vdup_n_f32(args.lo);
#pragma GCC unroll 32
      for (int i = 0; i < N; i++) acc[i] = vmax_f32(lo, acc[i]);
    }
    if (clamp_high) {
      const float32x2_t hi = vdup_n_f32(args.hi);
#pragma GCC unroll 32
      for (int i = 0; i < N; i++) acc[i] = vmin_f32(hi, acc[i]);
    }
#pragma GCC unroll 32
    for (int i = 0; i < N; i++) vst1_f32(y + 2 * i, acc[i]);
  }
}

}  // namespace

#define SCT_SPMM_NEON_IN_ORDER
#define SCT_SPMM_FOR(isa, core, mr, nr) \
  void spmm_##isa##_##core##_##mr##x##nr(const SpmmArgs& args) { spmm_csr<nr / 2>(args); }
#include "kernels/spmm/kernels.inc"
#undef SCT_SPMM_FOR

}  // namespace secateur
