// The part of pack_spmm that packs pairs of CSR rows.
#pragma once

#include <vector>

#include "pack/row_pairs.h"
#include "pack/spmm_pack.h"
#include "pack/stream_place.h"

namespace secateur {

class PairPacker {
 public:
  PairPacker(const SparseRows& rows, const SpmmPackOptions& options);

  // Appends the segments of one part, the rows of `sections` sections that begin at begins[0], ...
  // and end at begins[sections]: in each block of columns the pairs, then what found no partner.
  void pack(const int32_t* begins, size_t sections, SpmmWeights* out, StreamPlace* at);

 private:
  static uint64_t lengths(int32_t beyond, int32_t in_common, int32_t count);
  void match(int32_t begin, int32_t end, int block);
  void write_pairs(int32_t first_column, SpmmWeights* out, StreamPlace* at);
  void write_alone(SpmmWeights* out, StreamPlace* at);
  class Streams;
  void write_pair(const RowColumns& a, const RowColumns& b, int32_t first_column, SpmmWeights* out,
                  Streams* to);
  const float* values_of(const RowColumns& row) const;

  const SparseRows& rows_;
  const SpmmPackOptions& options_;
  std::vector<int32_t> first_column_;  // [blocks + 1]
  std::vector<int64_t> next_;          // of each row: its first value that is not packed yet
  std::vector<RowColumns> listed_;     // of one section and block
  std::vector<RowPair> matched_;
  struct Pair {
    uint64_t lengths;
    RowColumns a, b;
  };
  std::vector<Pair> pairs_;  // of one part and block
  std::vector<RowColumns> alone_;
  // Of a pair: where each row has a value that the other has not, and where both have one.
  std::vector<int32_t> only_a_, only_b_, both_a_, both_b_;
  // Of its second row, zero in between: the place of each column, from 1, and which the first has.
  std::vector<int32_t> where_, in_both_;
};

}  // namespace secateur
