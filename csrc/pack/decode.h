// From the stored forms of a weight matrix (pack/weights.h) to one: rows of sorted (column, value).
// Every packer starts here, so no layout is decoded twice.
#pragma once

#include <cstdint>
#include <vector>

#include "pack/weights.h"

namespace secateur {

// CSR with zeros dropped, columns in the order of f32 weights: columns ascend within a row.
struct SparseRows {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<int64_t> indptr;   // [rows + 1]
  std::vector<int32_t> indices;  // [nnz]
  std::vector<float> values;     // [nnz]

  int64_t nnz() const { return static_cast<int64_t>(values.size()); }
};

// The view is one that the file's verifier has passed (format/verify_weight.cc): counts that add
// up, columns within the matrix, buffers as long as they say. Nothing of that is checked again.
SparseRows decode_weight(const WeightView& view);

// The matrix [rows][cols] that a dense view of i8 or f16 stores, columns in the order of f32
// weights.
std::vector<float> decode_matrix(const WeightView& view);

// The matrix [rows][cols] with its zeros.
std::vector<float> dense_matrix(const SparseRows& rows);

}  // namespace secateur
