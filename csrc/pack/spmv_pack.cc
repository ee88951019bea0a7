#include "pack/spmv_pack.h"

#include <algorithm>
#include <numeric>

namespace secateur {

std::vector<int64_t> cut_spmv_rows(const std::vector<int64_t>& nonzeros, int lanes, int parts) {
  const int64_t rows = static_cast<int64_t>(nonzeros.size());
  const int64_t total = std::accumulate(nonzeros.begin(), nonzeros.end(), rows);
  std::vector<int64_t> cuts{0};
  int64_t sum = 0, row = 0;
  for (int part = 1; part < parts; part++) {
    while (row < rows && sum * parts < total * part) {
      const int64_t end = std::min(row + lanes, rows);
      for (; row < end; row++) sum += nonzeros[row] + 1;
    }
    cuts.push_back(row);
  }
  cuts.push_back(rows);
  return cuts;
}

// By whole numbers: a sort with a comparison of its own costs the device kilobytes.
std::vector<int32_t> longest_first(const std::vector<int64_t>& lengths, int64_t begin) {
  constexpr int64_t kRows = int64_t{1} << 32;
  std::vector<int64_t> keys;
  for (size_t i = 0; i < lengths.size(); i++) {
    keys.push_back(-lengths[i] * kRows + begin + static_cast<int64_t>(i));
  }
  std::sort(keys.begin(), keys.end());
  std::vector<int32_t> order;
  for (const int64_t key : keys) order.push_back(static_cast<int32_t>(key & (kRows - 1)));
  return order;
}

void pack_spmv(const SparseRows& rows, const WeightView& view, bool dense, int lanes, int parts,
               WeightMemory* memory, SpmvWeights* out) {
  *out = SpmvWeights();
  const int64_t all_rows = dense ? view.rows : rows.rows;
  const int64_t cols = dense ? view.cols : rows.cols;
  out->parts = parts;
  out->lanes = lanes;
  out->columns_per_block = dense ? std::max<int64_t>(cols, 1) : kSpmvBlockColumns;
  out->blocks = static_cast<int>(
      std::max<int64_t>(1, (cols + out->columns_per_block - 1) / out->columns_per_block));
  std::vector<int64_t> nonzeros(static_cast<size_t>(all_rows), cols);
  if (!dense) {
    for (int64_t r = 0; r < all_rows; r++) nonzeros[r] = rows.indptr[r + 1] - rows.indptr[r];
  }
  const std::vector<int64_t> cuts = cut_spmv_rows(nonzeros, lanes, parts);
  // Slices first, then their streams, written in place.
  std::vector<int64_t> first(static_cast<size_t>(all_rows)), last(static_cast<size_t>(all_rows));
  const auto find_entries = [&](int64_t r, int64_t col_begin, int64_t col_end) {
    if (dense) {
      first[r] = 0;
      last[r] = cols;
      return;
    }
    const auto begin = rows.indices.begin() + rows.indptr[r];
    const auto end = rows.indices.begin() + rows.indptr[r + 1];
    first[r] = std::lower_bound(begin, end, col_begin) - rows.indices.begin();
    last[r] = std::lower_bound(begin, end, col_end) - rows.indices.begin();
  };
  out->slice_at.push_back(0);
  int64_t slices = 0, depths = 0;
  for (int part = 0; part < parts; part++) {
    for (int block = 0; block < out->blocks; block++) {
      const int64_t col_begin = block * out->columns_per_block;
      const int64_t col_end = std::min(cols, col_begin + out->columns_per_block);
      std::vector<int64_t> lengths;
      for (int64_t r = cuts[part]; r < cuts[part + 1]; r++) {
        find_entries(r, col_begin, col_end);
        lengths.push_back(last[r] - first[r]);
        out->nnz += lengths.back();
      }
      const std::vector<int32_t> order = longest_first(lengths, cuts[part]);
      out->stream_at.push_back(depths);
      out->depth.push_back(0);
      for (size_t at = 0; at < order.size(); at += lanes, slices++) {
        const int64_t depth = last[order[at]] - first[order[at]];  // sorted: the longest
        depths += depth;
        for (int lane = 0; lane < lanes; lane++) {
          out->rows.push_back(at + lane < order.size() ? order[at + lane] : -1);
        }
        out->depth.push_back(out->depth.back() + static_cast<int32_t>(depth));
      }
      out->slice_at.push_back(slices);
    }
  }
  out->values = AlignedArray<float>(static_cast<size_t>(depths * lanes), memory);
  if (!dense) out->columns = AlignedArray<uint16_t>(static_cast<size_t>(depths * lanes), memory);
  const int32_t* depth = out->depth.data();
  int64_t at = 0;  // in the streams
  for (int piece = 0; piece < parts * out->blocks; piece++, depth++) {
    const int64_t col_begin = piece % out->blocks * out->columns_per_block;
    const int64_t col_end = std::min(cols, col_begin + out->columns_per_block);
    for (int64_t slice = out->slice_at[piece]; slice < out->slice_at[piece + 1]; slice++, depth++) {
      const int64_t slice_depth = depth[1] - depth[0];
      for (int lane = 0; lane < lanes; lane++) {
        const int64_t row = out->rows[slice * lanes + lane];
        int64_t length = 0;
        if (row >= 0) {
          find_entries(row, col_begin, col_end);
          length = last[row] - first[row];
        }
        for (int64_t d = 0; d < slice_depth; d++) {
          const int64_t to = at + d * lanes + lane;
          if (dense) {
            out->values[to] = d < length ? view.values[row * cols + d] : 0.0f;
            continue;
          }
          const int64_t entry = row >= 0 ? first[row] + d : 0;
          out->values[to] = d < length ? rows.values[entry] : 0.0f;
          // Padding meets the zero that stands right behind the block's columns.
          const int64_t column = d < length ? rows.indices[entry] : col_end;
          out->columns[to] = static_cast<uint16_t>(column - col_begin);
        }
      }
      at += slice_depth * lanes;
    }
  }
}

}  // namespace secateur
