// Operators of i8 that only move codes: boxes of inputs to boxes of the output.
#pragma once

#include <vector>

#include "ops/op.h"

namespace secateur {

// y[y_channel + c][y_row + i][y_col + j] = x[x_channel + c][x_row + i * row_step][x_col + j *
// col_step], of input number `input`.
struct CodesBox {
  Planes x;
  size_t input = 0;
  int x_channel = 0, x_row = 0, x_col = 0, row_step = 1, col_step = 1;
  int y_channel = 0, y_row = 0, y_col = 0;
  int channels = 1, rows = 1, cols = 1;
};

struct MoveCodesDesc {
  Planes y;  // planes4, as each x
  std::vector<CodesBox> boxes;
  bool fills = false;  // what no box reaches is `fill`
  int8_t fill = 0;
  const char* name = "";
};

Status make_move_codes(const MoveCodesDesc& desc, OperatorPtr* op);

}  // namespace secateur
