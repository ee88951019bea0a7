// A rectangle of elements from one strided place to another: what every operator that only moves
// data comes down to.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secateur {

struct CopyBlock {
  int64_t rows = 1, cols = 1;
  int64_t x_row = 0, x_col = 0, y_row = 0, y_col = 0;  // bytes between neighbours
  int bytes = 1;                                       // of an element: 1, 2, 4, 8 or 16
};

// y[r][c] = x[r][c], no alignment asked for. Rows whose columns lie side by side in both are copied
// whole; where rows lie side by side in x and columns in y, squares are transposed, four by four in
// registers when elements are floats. Bound by memory.
void copy_block(const std::byte* x, std::byte* y, const CopyBlock& block);

}  // namespace secateur
