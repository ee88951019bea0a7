// Pooling over the vector interface of kernels/simd; pool.h has the method. SCT_ISA names the
// instruction set.
#include "kernels/pool/tables.h"

namespace secateur {
namespace {
using namespace simd;

struct MaxOf {
  static constexpr float kIdentity = -__builtin_huge_valf();
  static Vec join(Vec a, Vec b) { return max_nan(a, b); }
  static Vec finish(Vec v, Vec, Vec) { return v; }
  static constexpr bool kCounts = false;
};
struct SumOf {
  static constexpr float kIdentity = 0;
  static Vec join(Vec a, Vec b) { return add(a, b); }
  static Vec finish(Vec v, Vec rows, Vec columns) { return div(v, mul(rows, columns)); }
  static constexpr bool kCounts = true;
};

// One vector of columns reduced over the window's rows.
template <typename F>
inline Vec column(const float* x, int64_t pitch, int64_t rows, int lanes) {
  Vec v = load_n(x, lanes);
  for (int64_t r = 1; r < rows; ++r) v = F::join(v, load_n(x + r * pitch, lanes));
  return v;
}

template <typename F>
void reduce_rows(const PoolPlane& p, const float* x, int64_t rows) {
  const int64_t pitch = p.width * p.dilation_h, width = p.width;
  float* row = p.row;
  int64_t i = 0;
  if (p.stride_w == 1) {
    float* to = row + p.pad_left;
    for (; i + kLanes <= width; i += kLanes) store(to + i, column<F>(x + i, pitch, rows, kLanes));
    if (i < width) store(to + i, column<F>(x + i, pitch, rows, static_cast<int>(width - i)));
  } else if (p.stride_w == 2 && kLanes > 1) {
    float* even = row + (p.pad_left & 1) * p.phase_pitch + p.pad_left / 2;
    float* odd = row + ((p.pad_left + 1) & 1) * p.phase_pitch + (p.pad_left + 1) / 2;
    for (; i < width; i += 2 * kLanes) {
      const int64_t rest = width - i;
      const int lo = rest < kLanes ? static_cast<int>(rest) : kLanes;
      const int hi = rest < 2 * kLanes ? static_cast<int>(rest) - lo : kLanes;
      Vec e, o;
      deinterleave(column<F>(x + i, pitch, rows, lo),
                   hi > 0 ? column<F>(x + i + kLanes, pitch, rows, hi) : zero(), &e, &o);
      store(even + i / 2, e);
      store(odd + i / 2, o);
    }
  } else {
    for (; i < width; ++i) {
      // A lane at a time: strides above 2 are rare (non-overlapping windows of 3 and more).
      const int64_t at = i + p.pad_left;
      store_n(row + (at % p.stride_w) * p.phase_pitch + at / p.stride_w,
              column<F>(x + i, pitch, rows, 1), 1);
    }
  }
  for (int64_t at = 0; at < p.pad_left; ++at) {
    row[(at % p.stride_w) * p.phase_pitch + at / p.stride_w] = F::kIdentity;
  }
  for (int64_t at = p.pad_left + width; at < p.padded_width; ++at) {
    row[(at % p.stride_w) * p.phase_pitch + at / p.stride_w] = F::kIdentity;
  }
}

template <typename F>
void window(const PoolPlane& p) {
  for (int64_t i = 0; i < p.out_height; ++i) {
    // The window's rows inside the plane.
    int64_t first = i * p.stride_h - p.pad_top, rows = p.kernel_h;
    while (rows > 0 && first < 0) first += p.dilation_h, --rows;
    while (rows > 0 && first + (rows - 1) * p.dilation_h >= p.height) --rows;
    if (rows > 0) {
      reduce_rows<F>(p, p.x + first * p.width, rows);
    } else {
      for (int64_t c = 0; c < p.stride_w * p.phase_pitch; ++c) p.row[c] = F::kIdentity;
    }
    float* y = p.y + i * p.out_width;
    const Vec row_count = splat(F::kCounts ? p.row_count[i] : 1.f);
    for (int64_t c = 0; c < p.out_width; c += kLanes) {
      Vec v = load(p.row + p.tap_offset[0] + c);
      for (int64_t s = 1; s < p.kernel_w; ++s) v = F::join(v, load(p.row + p.tap_offset[s] + c));
      v = F::finish(v, row_count, F::kCounts ? load(p.column_count + c) : row_count);
      if (c + kLanes <= p.out_width) {
        store(y + c, v);
      } else {
        store_n(y + c, v, static_cast<int>(p.out_width - c));
      }
    }
  }
}

float reduce_sum(const float* x, int64_t n) {
  constexpr int64_t kBlock = 1024;
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = begin + kBlock < n ? begin + kBlock : n;
    Vec s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
    int64_t i = begin;
    for (; i + 4 * kLanes <= end; i += 4 * kLanes) {
      s0 = add(s0, load(x + i));
      s1 = add(s1, load(x + i + kLanes));
      s2 = add(s2, load(x + i + 2 * kLanes));
      s3 = add(s3, load(x + i + 3 * kLanes));
    }
    for (; i < end; i += kLanes) {
      s0 = add(s0, load_n(x + i, end - i < kLanes ? static_cast<int>(end - i) : kLanes));
    }
    total += reduce_add(add(add(s0, s1), add(s2, s3)));
  }
  return static_cast<float>(total);
}

// The largest, or the least as the largest of all with the other sign.
template <bool kLeast>
float reduce_most(const float* x, int64_t n) {
  constexpr float kSign = kLeast ? -1.f : 1.f;
  const auto at = [&](int64_t i) { return kLeast ? sub(zero(), load(x + i)) : load(x + i); };
  if (n >= kLanes) {
    Vec v = at(0);
    for (int64_t i = kLanes; i + kLanes <= n; i += kLanes) v = max_nan(v, at(i));
    return kSign * simd::reduce_max(max_nan(v, at(n - kLanes)));
  }
  float best = kSign * x[0];
  for (int64_t i = 1; i < n; ++i) {
    const float value = kSign * x[i];
    best = best != best ? best : (best > value ? best : value);
  }
  return kSign * best;
}

}  // namespace

namespace SCT_ISA {
const PoolKernels pool = {
#define SCT_POOL(name, type, function) function,
#include "kernels/pool/kernels.inc"
};
}  // namespace SCT_ISA

}  // namespace secateur
