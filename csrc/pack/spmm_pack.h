// Packs a weight matrix into the stream that the SpMM microkernels read (kernels/spmm/spmm.h).
//
// The matrix is cut three ways: by groups (of a grouped convolution: rows of their own), by parts
// (rows that one task computes, balanced by nonzeros) and by blocks (columns whose activations fit
// the L1 cache together). Each (group, part, block) is a list of segments: strips of one height mr,
// sorted by their number of nonzeros, so that the trip count of the inner loop changes rarely and
// the branch predictor is right (docs/lab/spmm-shares.md has the measurement).
//
// Packing happens once per model; its cost matters only to loading.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "pack/aligned.h"
#include "pack/decode.h"
#include "pack/weights.h"

namespace secateur {

// Of strips of 1, 2, 4 or 8 rows: 0 to 3.
inline int strip_level(int mr) { return mr == 8 ? 3 : mr == 4 ? 2 : mr - 1; }

struct SpmmSegment {
  int mr = 1;
  bool pairs = false;  // of rows anywhere (pack/row_pairs.h)
  int64_t strips = 0;
  int64_t indptr_at = 0;  // into SpmmLayout::indptr: strips + 1 entries, from 0; not of pairs
  int64_t counts_at = 0;  // pairs: into SpmmLayout::counts, three of each strip
  int64_t rows_at = 0;    // into rows
  int64_t blocks_at = 0;  // into codes or offsets
  int64_t values_at = 0;  // into values
};

struct RowRange {
  int32_t begin = 0, end = 0;
};

// The streams but for their values.
struct SpmmLayout {
  int groups = 1, parts = 1, blocks = 1;
  std::vector<SpmmSegment> segments;
  std::vector<int32_t> segment_at;  // [groups * parts * blocks + 1]
  std::vector<RowRange> part_rows;  // [groups * parts]: the rows that a part writes
  std::vector<int32_t> indptr, counts, rows;
  AlignedArray<uint16_t> codes;   // of each block; or
  AlignedArray<int32_t> offsets;  // the same in bytes
  int64_t macs_per_position = 0;  // multiply-adds executed per output position, fill included
};

template <typename T>
struct SpmmWeightsOf : SpmmLayout {
  AlignedArray<T> values;

  int64_t bytes() const {
    return static_cast<int64_t>(codes.bytes() + offsets.bytes() + values.bytes() +
                                (indptr.size() + counts.size() + rows.size()) * sizeof(int32_t));
  }
};
using SpmmWeights = SpmmWeightsOf<float>;
using SpmmF16Weights = SpmmWeightsOf<uint16_t>;

struct SpmmPackOptions {
  bool dense = false;  // every column present in every strip
  int mr = 1;          // strip height: 1, 2, 4 or 8; rows left over take the next smaller ones
  bool pairs = false;  // mr = 1: two rows a strip. Then blocks are runs of columns, offsets codes
  int groups = 1;      // weight rows are stacked groups
  int parts = 1;
  int blocks = 1;
  const int32_t* block_of_column = nullptr;   // [cols]
  const int32_t* offset_of_column = nullptr;  // [cols] bytes
  // Bits at the end that all offsets have clear; beyond them there are 16 at most, and these are
  // the codes. Negative: offsets are kept.
  int shift = -1;
  WeightMemory* memory = nullptr;  // for the streams; null: of their own
};

// `rows` is read when !options.dense, `view` (of format dense) when options.dense.
void pack_spmm(const SparseRows& rows, const WeightView& view, const SpmmPackOptions& options,
               SpmmWeights* out);
// The same with values of f16. Offsets are halved: those of the options are in bytes of f32.
void pack_spmm(const SparseRows& rows, const WeightView& view, const SpmmPackOptions& options,
               SpmmF16Weights* out);

// Multiply-adds per position that strips of height mr would execute: what grouping rows costs.
int64_t strip_macs(const SparseRows& rows, int groups, int mr);

}  // namespace secateur
