#include "kernels/movement/copy_block.h"

#include <algorithm>
#include <cstring>

#include "kernels/movement/transpose.h"

namespace secateur {
namespace {

// Shorter rows are copied element by element: a call costs more.
constexpr int64_t kCall = 32;  // bytes
constexpr int64_t kSquare = 16;

struct Sixteen {
  uint64_t parts[2];
};

template <typename T>
void move(const std::byte* x, std::byte* y, const CopyBlock& b) {
  for (int64_t r0 = 0; r0 < b.rows; r0 += kSquare) {
    const int64_t r1 = std::min(b.rows, r0 + kSquare);
    for (int64_t c0 = 0; c0 < b.cols; c0 += kSquare) {
      const int64_t c1 = std::min(b.cols, c0 + kSquare);
      for (int64_t r = r0; r < r1; ++r) {
        const std::byte* from = x + r * b.x_row + c0 * b.x_col;
        std::byte* to = y + r * b.y_row + c0 * b.y_col;
        for (int64_t c = c0; c < c1; ++c, from += b.x_col, to += b.y_col) {
          std::memcpy(to, from, sizeof(T));
        }
      }
    }
  }
}

}  // namespace

void copy_block(const std::byte* x, std::byte* y, const CopyBlock& b) {
  if (b.x_col == b.bytes && b.y_col == b.bytes && b.cols * b.bytes >= kCall) {
    for (int64_t r = 0; r < b.rows; ++r) {
      std::memcpy(y + r * b.y_row, x + r * b.x_row, static_cast<size_t>(b.cols * b.bytes));
    }
    return;
  }
  switch (b.bytes) {
    case 1:
      return move<uint8_t>(x, y, b);
    case 2:
      return move<uint16_t>(x, y, b);
    case 4:
      if (b.x_row == 4 && b.y_col == 4) {
        return transpose(reinterpret_cast<const float*>(x), b.x_col / 4,
                         reinterpret_cast<float*>(y), b.y_row / 4, b.cols, b.rows);
      }
      return move<uint32_t>(x, y, b);
    case 8:
      return move<uint64_t>(x, y, b);
    default:
      return move<Sixteen>(x, y, b);
  }
}

}  // namespace secateur
