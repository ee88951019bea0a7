// Depthwise 3x3 of i8 by NEON's dot products: no groups in memory. Include after neon_outputs.h.
//
// Rows of the input, with their padding, are copied side by side, as many as 16 KB hold. Four
// columns of the output are then computed from top to bottom: of each row of the input four loads
// of four columns, turned into groups in registers, which the three rows of the output that meet
// them share.
//
// Registers: groups[3 rows][4] | sum[4] | weight[3], turn, bias, scale, zero, lo, hi
// Four outputs of four channels at stride 1: 4 ldr, 4 tbl, 12 sdot, 24 to rescale, 1 str.
#pragma once

#include <algorithm>
#include <cstring>

namespace secateur {
namespace {

constexpr int64_t kLinesBytes = 16 * 1024;
constexpr int64_t kStripColumns = 64;  // of the output

template <int S>
struct Column {
  const int8_t* line;  // of the next row of the input
  int64_t pitch;
  uint8x16_t turned;

  SCT_INLINE void load(int8x16_t (&groups)[4]) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) groups[v] = vqtbl1q_s8(vld1q_s8(line + 4 * S * v), turned);
    line += pitch;
  }
};

struct Filter3x3 {
  int8x16_t weight[3];
  int32x4_t bias;
  Rescale to;

  explicit Filter3x3(const DepthwiseI8Band& b) : bias(vld1q_s32(b.bias)), to(b) {
    for (int r = 0; r < 3; r++) weight[r] = vld1q_s8(b.weight + 16 * r);
  }
  SCT_INLINE int32x4_t sum(int8x16_t a, int8x16_t b, int8x16_t c) const {
    return vdotq_s32(vdotq_s32(vdotq_s32(bias, a, weight[0]), b, weight[1]), c, weight[2]);
  }
  // columns: of the four, those that there are.
  SCT_INLINE void row(const int8x16_t (&a)[4], const int8x16_t (&b)[4], const int8x16_t (&c)[4],
                      int64_t columns, int8_t* y) const {
    int8_t last[16];
    rescale(sum(a[0], b[0], c[0]), sum(a[1], b[1], c[1]), sum(a[2], b[2], c[2]),
            sum(a[3], b[3], c[3]), to, columns == 4 ? y : last);
    for (int64_t i = 0; columns < 4 && i < 4 * columns; i += 4) std::memcpy(y + i, last + i, 4);
  }
};

// Four columns, all rows of a band.
template <int S>
SCT_INLINE void run_columns(const Filter3x3& filter, Column<S> from, int64_t rows, int64_t columns,
                            int8_t* y, int64_t pitch) {
  const Filter3x3 f = filter;
  int8x16_t a[4], b[4], c[4];
  from.load(a);
  if constexpr (S == 2) {
    for (int64_t i = 0; i < rows; i++, y += pitch) {
      from.load(b);
      from.load(c);
      f.row(a, b, c, columns, y);
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) a[v] = c[v];
    }
    return;
  }
  from.load(b);
  for (int64_t i = 0; i < rows; i += 3) {
    from.load(c);
    f.row(a, b, c, columns, y);
    if (i + 1 == rows) break;
    from.load(a);
    f.row(b, c, a, columns, y + pitch);
    if (i + 2 == rows) break;
    from.load(b);
    f.row(c, a, b, columns, y + 2 * pitch);
    y += 3 * pitch;
  }
}

// Columns [from, from + columns) of a row of the input, padding included.
inline void copy_line(const DepthwiseI8Plane& p, int64_t row, int64_t from, int64_t columns,
                      int8_t* line) {
  if (row < 0 || row >= p.height) {
    std::memset(line, p.fill, static_cast<size_t>(4 * columns));
    return;
  }
  const int64_t begin = std::clamp<int64_t>(-from, 0, columns);
  const int64_t end = std::clamp<int64_t>(p.width - from, begin, columns);
  for (int64_t i = 0; i < begin; i++) std::memset(line + 4 * i, p.fill, 4);
  const int8_t* x = p.x + 4 * (row * p.width + from);
  int64_t i = begin;
  for (; i + 4 <= end; i += 4) vst1q_s8(line + 4 * i, vld1q_s8(x + 4 * i));
  for (; i < end; i++) std::memcpy(line + 4 * i, x + 4 * i, 4);
  for (; i < columns; i++) std::memset(line + 4 * i, p.fill, 4);
}

template <int S>
void run_plane(const DepthwiseI8Plane& p) {
  alignas(16) int8_t lines[kLinesBytes];
  const Filter3x3 filter(p.band);
  const uint8x16_t turned = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  for (int64_t j = 0; j < p.out_width; j += kStripColumns) {
    const int64_t columns = std::min(kStripColumns, p.out_width - j);
    const int64_t of_input = ((columns + 3) / 4 * 4 - 1) * S + 4;
    const int64_t pitch = 4 * of_input;
    const int64_t most = (kLinesBytes / pitch - 3) / S + 1;
    for (int64_t i = 0; i < p.rows; i += most) {
      const int64_t rows = std::min(most, p.rows - i);
      const int64_t top = (p.first + i) * S - p.pad_top;
      for (int64_t r = 0; r < (rows - 1) * S + 3; r++) {
        copy_line(p, top + r, j * S - p.pad_left, of_input, lines + r * pitch);
      }
      for (int64_t q = 0; q < columns; q += 4) {
        run_columns<S>(filter, {lines + 4 * S * q, pitch, turned}, rows,
                       std::min<int64_t>(columns - q, 4), p.band.y + 4 * (i * p.out_width + j + q),
                       4 * p.out_width);
      }
    }
  }
}

void plane3x3(const DepthwiseI8Plane& p) { p.stride == 2 ? run_plane<2>(p) : run_plane<1>(p); }

}  // namespace
}  // namespace secateur
