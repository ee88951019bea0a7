// The loops of codes.h. SCT_ISA names the instruction set that they are compiled for;
// SCT_LOOK_UP is defined where that has brought a look_up of its own.
#include "kernels/codes/byte_of.h"
#include "kernels/codes/tables.h"

#define SCT_INLINE inline __attribute__((always_inline))

namespace secateur {
namespace {

SCT_INLINE int32_t code(uint32_t quad, int k) {
  return static_cast<int32_t>(quad << (24 - 8 * k)) >> 24;
}

SCT_INLINE uint32_t byte_of_any(float t, const Bounds& b) { return byte_of(t == t ? t : 0, b); }

SCT_INLINE int64_t steps(int64_t n) { return (n + kCodesStep - 1) / kCodesStep * kCodesStep; }

void quantise(const float* const* x, uint32_t* y, int64_t n, float factor, const ToCode& to) {
  const Bounds b(to);
  const uint32_t flip = to.y_flip;
  const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  const int64_t end = steps(n);
  SCT_EACH_ALONE
  for (int64_t i = 0; i < end; i++) {
    y[i] = (byte_of_any(x0[i] * factor, b) | byte_of_any(x1[i] * factor, b) << 8 |
            byte_of_any(x2[i] * factor, b) << 16 | byte_of_any(x3[i] * factor, b) << 24) ^
           flip;
  }
}

void quantise_row(const float* x, uint8_t* y, int64_t n, float factor, const ToCode& to) {
  const Bounds b(to);
  const auto flip = static_cast<uint8_t>(to.y_flip);
  const int64_t end = steps(n);
  SCT_EACH_ALONE
  for (int64_t i = 0; i < end; i++) {
    y[i] = static_cast<uint8_t>(byte_of_any(x[i] * factor, b) ^ flip);
  }
}

void dequantise(const uint32_t* x, int k, float* y, int64_t n, float scale, const ToCode& of) {
  const int32_t zero = of.zero;
  const uint32_t flip = of.x_flip;
  const int left = 24 - 8 * k;
  const int64_t end = steps(n);
  SCT_EACH_ALONE
  for (int64_t i = 0; i < end; i++) {
    const int32_t q = static_cast<int32_t>((x[i] ^ flip) << left) >> 24;
    y[i] = static_cast<float>(q - zero) * scale;
  }
}

void dequantise_row(const uint8_t* x, float* y, int64_t n, float scale, const ToCode& of) {
  const int32_t zero = of.zero;
  const auto flip = static_cast<uint8_t>(of.x_flip);
  const int64_t end = steps(n);
  SCT_EACH_ALONE
  for (int64_t i = 0; i < end; i++) {
    const auto q = static_cast<int8_t>(x[i] ^ flip);
    y[i] = static_cast<float>(int32_t{q} - zero) * scale;
  }
}

// Of exactly `end` quads.
void requantise_quads(const uint32_t* x, uint32_t* y, int64_t end, int32_t x_zero, float factor,
                      const ToCode& to) {
  const Bounds b(to);
  const uint32_t x_flip = to.x_flip, y_flip = to.y_flip;
  SCT_EACH_ALONE
  for (int64_t i = 0; i < end; i++) {
    const uint32_t v = x[i] ^ x_flip;
    uint32_t out = 0;
    for (int k = 0; k < 4; k++) {
      out |= byte_of(static_cast<float>(code(v, k) - x_zero) * factor, b) << 8 * k;
    }
    y[i] = out ^ y_flip;
  }
}

void requantise(const uint32_t* x, uint32_t* y, int64_t n, int32_t x_zero, float factor,
                const ToCode& to) {
  requantise_quads(x, y, steps(n), x_zero, factor, to);
}

struct Add {
  static SCT_INLINE float of(int32_t a, int32_t b, float a_factor, float b_factor) {
    return static_cast<float>(a) * a_factor + static_cast<float>(b) * b_factor;
  }
};
struct Mul {
  static SCT_INLINE float of(int32_t a, int32_t b, float a_factor, float) {
    return static_cast<float>(a * b) * a_factor;
  }
};

template <class F>
SCT_INLINE uint32_t joined(uint32_t a, uint32_t b, const BinaryCodes& s, const Bounds& bounds) {
  uint32_t out = 0;
  for (int k = 0; k < 4; k++) {
    out |=
        byte_of(F::of(code(a, k) - s.a_zero, code(b, k) - s.b_zero, s.a_factor, s.b_factor), bounds)
        << 8 * k;
  }
  return out;
}

template <class F>
void join(const BinaryCodes& given) {
  const BinaryCodes s = given;
  const Bounds bounds(s.to);
  const int64_t end = steps(s.n);
  const uint32_t *a = s.a, *b = s.b;
  uint32_t* y = s.y;
  if (s.one) {
    const uint32_t same = *b;
    SCT_EACH_ALONE
    for (int64_t i = 0; i < end; i++) y[i] = joined<F>(a[i], same, s, bounds);
    return;
  }
  SCT_EACH_ALONE
  for (int64_t i = 0; i < end; i++) y[i] = joined<F>(a[i], b[i], s, bounds);
}

// The part of [0, count) taps whose place first + tap * dilation lies in [0, limit).
struct Inside {
  int64_t begin, end;
  Inside(int64_t first, int64_t count, int64_t dilation, int64_t limit) : begin(0), end(count) {
    while (begin < end && first + begin * dilation < 0) begin++;
    while (end > begin && first + (end - 1) * dilation >= limit) end--;
  }
};

// The greatest of the window's rows, column by column, in a line with its padding on both sides; of
// that line the greatest of the window's columns. All of it on bytes, a vector of them at a time.
void pool_max(const PoolCodes& p) {
  const int64_t last = (p.out_width - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
  const int64_t whole = p.pad_left + p.width, quads = last > whole ? last : whole;
  auto* line = static_cast<uint32_t*>(p.line);
  uint32_t* taps = line + quads;  // every stride_w-th of the line
  constexpr uint32_t kNone = 0x80808080u;
  for (int64_t j = 0; j < quads; j++) line[j] = kNone;
  const int64_t bytes = 4 * p.width, out_bytes = 4 * p.out_width;
  auto* middle = reinterpret_cast<int8_t*>(line + p.pad_left);
  for (int64_t i = 0; i < p.out_height; i++) {
    const int64_t top = i * p.stride_h - p.pad_top;
    const Inside rows(top, p.kernel_h, p.dilation_h, p.height);
    for (int64_t b = 0; b < bytes; b++) middle[b] = -128;
    for (int64_t r = rows.begin; r < rows.end; r++) {
      const auto* x = reinterpret_cast<const int8_t*>(p.x + (top + r * p.dilation_h) * p.width);
      SCT_EACH_ALONE
      for (int64_t b = 0; b < bytes; b++) middle[b] = x[b] > middle[b] ? x[b] : middle[b];
    }
    auto* y = reinterpret_cast<int8_t*>(p.y + i * p.out_width);
    for (int64_t s = 0; s < p.kernel_w; s++) {
      const uint32_t* from = line + s * p.dilation_w;
      if (p.stride_w == 2) {
        SCT_EACH_ALONE
        for (int64_t j = 0; j < p.out_width; j++) taps[j] = from[2 * j];
        from = taps;
      } else if (p.stride_w != 1) {
        for (int64_t j = 0; j < p.out_width; j++) taps[j] = from[j * p.stride_w];
        from = taps;
      }
      const auto* t = reinterpret_cast<const int8_t*>(from);
      if (s == 0) {
        __builtin_memcpy(y, t, static_cast<size_t>(out_bytes));
      } else {
        SCT_EACH_ALONE
        for (int64_t b = 0; b < out_bytes; b++) y[b] = t[b] > y[b] ? t[b] : y[b];
      }
    }
  }
  const bool same = p.factor[0] == 1 && p.zero == p.to.zero && p.to.lo == -128 && p.to.hi == 127;
  if (!same) requantise_quads(p.y, p.y, p.out_height * p.out_width, p.zero, p.factor[0], p.to);
}

// The sums of the window's rows, column by column, in a line; of that line those of the columns.
void pool(const PoolCodes& given) {
  const PoolCodes p = given;
  if (p.rows == nullptr) return pool_max(p);
  auto* line = static_cast<int32_t*>(p.line);
  const int64_t bytes = 4 * p.width;
  const Bounds bounds(p.to);
  for (int64_t i = 0; i < p.out_height; i++) {
    const int64_t top = i * p.stride_h - p.pad_top;
    const Inside rows(top, p.kernel_h, p.dilation_h, p.height);
    for (int64_t b = 0; b < bytes; b++) line[b] = 0;
    for (int64_t r = rows.begin; r < rows.end; r++) {
      const auto* x = reinterpret_cast<const int8_t*>(p.x + (top + r * p.dilation_h) * p.width);
      SCT_EACH_ALONE
      for (int64_t b = 0; b < bytes; b++) line[b] += x[b];
    }
    for (int64_t j = 0; j < p.out_width; j++) {
      const int64_t left = j * p.stride_w - p.pad_left;
      const Inside taps(left, p.kernel_w, p.dilation_w, p.width);
      int32_t all[4] = {};
      for (int64_t s = taps.begin; s < taps.end; s++) {
        const int32_t* at = line + 4 * (left + s * p.dilation_w);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) all[k] += at[k];
      }
      const int64_t inside = (rows.end - rows.begin) * (taps.end - taps.begin);
      const int32_t less = p.zero * static_cast<int32_t>(inside);
      const float factor = p.factor[p.rows[i] * p.columns[j]];
      uint32_t out = 0;
      for (int k = 0; k < 4; k++) {
        out |= byte_of(static_cast<float>(all[k] - less) * factor, bounds) << 8 * k;
      }
      p.y[i * p.out_width + j] = out;
    }
  }
}

void sum(const uint32_t* x, int64_t n, int32_t* out) {
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int64_t i = 0; i < n; i++) {
    s0 += code(x[i], 0), s1 += code(x[i], 1), s2 += code(x[i], 2), s3 += code(x[i], 3);
  }
  out[0] = s0, out[1] = s1, out[2] = s2, out[3] = s3;
}

void max(const uint32_t* x, int64_t n, int32_t* out) {
  for (int k = 0; k < 4; k++) {
    int32_t best = -128;
    for (int64_t i = 0; i < n; i++) best = code(x[i], k) > best ? code(x[i], k) : best;
    out[k] = best;
  }
}

#if !defined(SCT_LOOK_UP)
void look_up(const uint8_t* x, uint8_t* y, int64_t bytes, const uint8_t* table) {
  for (int64_t i = 0; i < bytes; i++) y[i] = table[x[i]];
}
#endif

}  // namespace

namespace SCT_ISA {
const CodesKernels codes = {quantise,   quantise_row, dequantise, dequantise_row,
                            requantise, join<Add>,    join<Mul>,  pool,
                            sum,        max,          look_up};
}  // namespace SCT_ISA

}  // namespace secateur
