// Weight matrices to measure on, in the stored forms of pack/weights.h, made without going through
// a dense matrix: the largest have a hundred million cells.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "encode.h"

namespace secateur {

using Encoded = testing::Encoded;

// Which cells are there: columns of each row, ascending.
struct Mask {
  int64_t rows = 0, cols = 0;
  std::vector<int32_t> counts;   // [rows]
  std::vector<int32_t> columns;  // [nonzeros]
};

// Each cell is there with probability `density`.
Mask random_mask(int64_t rows, int64_t cols, double density, std::mt19937* rng);

// The same number of cells as `mask`, anywhere.
Mask random_like(const Mask& mask, std::mt19937* rng);

// A random value in each cell: of `block_rows` x 1 blocks, of which a mask's row is a block row.
Encoded encode_csr(const Mask& mask, std::mt19937* rng);
Encoded encode_bsr(const Mask& mask, int block_rows, std::mt19937* rng);
Encoded encode_dense(int64_t rows, int64_t cols, std::mt19937* rng);

}  // namespace secateur
