// Packs rows of quads (pack/quad_rows.h) into the stream that the i8 SpMM microkernels read
// (kernels/spmm_i8/spmm_i8.h): by groups, by parts (quads of rows that one task computes, balanced
// by blocks) and by blocks of columns, as pack/spmm_pack.h does for f32. Each is one segment of
// strips of mr rows, the strips of a quad together.
#pragma once

#include <cstdint>
#include <vector>

#include "pack/aligned.h"
#include "pack/quad_rows.h"
#include "pack/spmm_pack.h"

namespace secateur {

struct SpmmI8Segment {
  int64_t quads = 0;
  int64_t indptr_at = 0;  // into SpmmI8Weights::indptr: quads * 4 / mr + 1 entries, from 0
  int64_t rows_at = 0;    // into rows
  int64_t blocks_at = 0;  // into codes or offsets, values / mr
};

struct SpmmI8Weights {
  int groups = 1, parts = 1, blocks = 1, mr = 1;
  std::vector<SpmmI8Segment> segments;  // [groups][parts][blocks]
  std::vector<RowRange> part_quads;     // [groups][parts]: the quads that a part writes
  std::vector<int32_t> indptr, rows;
  std::vector<int32_t> sums;      // [quads][4] of each row's weights
  AlignedArray<uint16_t> codes;   // of each block; or
  AlignedArray<int32_t> offsets;  // the same in bytes
  AlignedArray<int32_t> values;
  int64_t macs_per_position = 0;  // executed, what fills blocks included

  int64_t bytes() const {
    return static_cast<int64_t>(codes.bytes() + offsets.bytes() + values.bytes() +
                                (indptr.size() + rows.size() + sums.size()) * sizeof(int32_t));
  }
};

struct SpmmI8PackOptions {
  int mr = 1;
  QuadGroups groups;
  int parts = 1;
  int blocks = 1;
  const int32_t* block_of_column = nullptr;   // [cols]
  const int32_t* offset_of_column = nullptr;  // [cols] bytes
  int shift = -1;                             // as SpmmPackOptions::shift
  WeightMemory* memory = nullptr;
};

void pack_spmm_i8(const QuadRows& rows, const SpmmI8PackOptions& options, SpmmI8Weights* out);

// Blocks of mr rows that strips of that height would have.
int64_t strip_blocks(const QuadRows& rows, const QuadGroups& groups, int mr);

}  // namespace secateur
