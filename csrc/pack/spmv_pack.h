// Packs a weight matrix for the SpMV microkernels (kernels/spmv/spmv.h): rows sorted by nonzeros in
// slices of `lanes`, streams depth-major, columns as u16; or dense slices without columns. The
// other two forms: spmv_slices.h.
#pragma once

#include <cstdint>
#include <vector>

#include "pack/aligned.h"
#include "pack/decode.h"
#include "pack/weights.h"

namespace secateur {

// Columns that one block of u16 indices reaches: the last code is the zero behind x.
inline constexpr int64_t kSpmvBlockColumns = 65535;

struct SpmvWeights {
  int parts = 1, blocks = 1, lanes = 1;
  int64_t columns_per_block = 0;
  std::vector<int64_t> slice_at;  // [parts * blocks + 1], blocks within a part
  std::vector<int32_t> depth;     // [slices + parts * blocks]: each (part, block) has slices + 1
  std::vector<int32_t> rows;      // [slices][lanes]
  AlignedArray<uint16_t> columns;
  AlignedArray<float> values;
  AlignedArray<uint32_t> picks;    // of windows
  std::vector<int64_t> stream_at;  // [parts * blocks]: depths before it
  int64_t nnz = 0;

  int64_t bytes() const {
    return static_cast<int64_t>(columns.bytes() + values.bytes() + picks.bytes() +
                                (depth.size() + rows.size()) * sizeof(int32_t));
  }
};

// `rows` is read when !dense, `view` (of format dense) when dense. The streams lie in `memory`, or
// on their own without it.
void pack_spmv(const SparseRows& rows, const WeightView& view, bool dense, int lanes, int parts,
               WeightMemory* memory, SpmvWeights* out);

// Row boundaries [parts + 1], multiples of `lanes`, of about equal nonzeros.
std::vector<int64_t> cut_spmv_rows(const std::vector<int64_t>& nonzeros, int lanes, int parts);

// Rows from `begin` on, one for each length: the longest first, rows of one length in their order.
std::vector<int32_t> longest_first(const std::vector<int64_t>& lengths, int64_t begin);

}  // namespace secateur
