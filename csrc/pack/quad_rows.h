// i8 weights as rows of quads: four input channels of one kernel tap side by side, one i32, as
// planes4 hold four channels of a position. What was left out of a stored weight is zero here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pack/decode.h"

namespace secateur {

// Groups whose input or output channels are no multiple of four meet in a quad: several are merged
// into one whose weight has their blocks on its diagonal.
struct QuadGroups {
  int merged = 1;           // stored groups in one
  int groups = 1;           // what remains
  int64_t rows = 0;         // output channels of one
  int64_t row_quads = 0;    // ceil(rows / 4)
  int64_t input_quads = 0;  // of one: ceil(input channels / 4)
};

QuadGroups quad_groups(int64_t out_channels, int64_t in_channels, int groups);

// CSR of 4 x 1 products: row by row, columns (quad of the merged group) * taps + tap ascending; of
// a block that was split, twice the same.
struct QuadRows {
  int64_t rows = 0, cols = 0;    // of all groups; quads * taps
  std::vector<int64_t> indptr;   // [rows + 1]
  std::vector<int32_t> columns;  // [blocks]
  std::vector<int32_t> values;   // [blocks] four weights, the first channel's in the lowest byte
  std::vector<int32_t> sums;     // [rows] of the weights
};

// rows: of whole numbers in [-127, 127], not yet scaled (WeightView::scales left out), columns
// channel * taps + tap of `groups` stacked groups.
QuadRows quads_of(const SparseRows& rows, int groups, int taps);

// Splits blocks into two with the same sum, so that of no first or last two weights of the same
// sign the sum is beyond `most`, 127 or more: for kernels that add two products in i16.
void split_pairs(int most, QuadRows* rows);

}  // namespace secateur
