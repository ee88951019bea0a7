// Encodes a dense matrix in each stored form of pack/weights.h, as format/model.fbs defines them.
// Written apart from the packer: the tests' other opinion on the layouts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "pack/weights.h"

namespace secateur::testing {

struct Encoded {
  std::vector<float> values;
  std::vector<uint8_t> index, counts;
  WeightView view;

  void finish() {
    view.values = values.data();
    view.values_count = static_cast<int64_t>(values.size());
    view.index = index.empty() ? nullptr : index.data();
    view.index_count = static_cast<int64_t>(index.size()) * 8 / view.index_bits;
    view.counts = counts.empty() ? nullptr : counts.data();
    view.counts_count = static_cast<int64_t>(counts.size()) * 8 / view.counts_bits;
  }
};

inline void append_integer(std::vector<uint8_t>* out, int bits, uint32_t value) {
  for (int b = 0; b < bits; b += 8) out->push_back(static_cast<uint8_t>(value >> b));
}

inline int64_t count_nonzeros(const std::vector<float>& w) {
  return static_cast<int64_t>(w.size()) - std::count(w.begin(), w.end(), 0.0f);
}

inline Encoded encode_dense(const std::vector<float>& w, int64_t rows, int64_t cols) {
  Encoded e;
  e.view.rows = rows;
  e.view.cols = cols;
  e.view.nnz = count_nonzeros(w);
  e.values = w;
  e.finish();
  return e;
}

// Blocks of br x bc; csr when both are 1 and `format` says so.
inline Encoded encode_blocks(const std::vector<float>& w, int64_t rows, int64_t cols, int br,
                             int bc, WeightFormat format, int index_bits = 16,
                             int counts_bits = 16) {
  Encoded e;
  e.view.format = format;
  e.view.rows = rows;
  e.view.cols = cols;
  e.view.block_rows = br;
  e.view.block_cols = bc;
  e.view.nnz = count_nonzeros(w);
  e.view.index_bits = index_bits;
  e.view.counts_bits = counts_bits;
  auto at = [&](int64_t r, int64_t c) { return r < rows && c < cols ? w[r * cols + c] : 0.0f; };
  for (int64_t r = 0; r < rows; r += br) {
    uint32_t count = 0;
    int64_t previous = 0;
    for (int64_t c = 0; c < cols; c += bc) {
      bool any = false;
      for (int i = 0; i < br; i++) {
        for (int j = 0; j < bc; j++) any = any || at(r + i, c + j) != 0.0f;
      }
      if (!any) continue;
      append_integer(&e.index, index_bits, static_cast<uint32_t>(c / bc - previous));
      previous = c / bc;
      count++;
      for (int i = 0; i < br; i++) {
        for (int j = 0; j < bc; j++) e.values.push_back(at(r + i, c + j));
      }
    }
    append_integer(&e.counts, counts_bits, count);
  }
  e.finish();
  return e;
}

inline Encoded encode_csr(const std::vector<float>& w, int64_t rows, int64_t cols,
                          int index_bits = 16, int counts_bits = 16) {
  return encode_blocks(w, rows, cols, 1, 1, WeightFormat::csr, index_bits, counts_bits);
}

// w must have at most n nonzeros in each m consecutive columns of a row.
inline Encoded encode_nm(const std::vector<float>& w, int64_t rows, int64_t cols, int n, int m) {
  Encoded e;
  e.view.format = WeightFormat::nm;
  e.view.rows = rows;
  e.view.cols = cols;
  e.view.n = n;
  e.view.m = m;
  e.view.nnz = count_nonzeros(w);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c += m) {
      int kept = 0;
      for (int i = 0; i < m && c + i < cols; i++) {
        if (w[r * cols + c + i] == 0.0f) continue;
        e.values.push_back(w[r * cols + c + i]);
        e.index.push_back(static_cast<uint8_t>(i));
        kept++;
      }
      for (; kept < n; kept++) {
        e.values.push_back(0.0f);
        e.index.push_back(0);
      }
    }
  }
  e.finish();
  return e;
}

// Random matrices: whole br x bc blocks are zero with probability `sparsity`; for N:M, n of m stay.
inline std::vector<float> random_blocks(int64_t rows, int64_t cols, int br, int bc, double sparsity,
                                        std::mt19937* rng) {
  std::uniform_real_distribution<float> value(-1.0f, 1.0f);
  std::uniform_real_distribution<double> coin(0.0, 1.0);
  std::vector<float> w(static_cast<size_t>(rows * cols), 0.0f);
  for (int64_t r = 0; r < rows; r += br) {
    for (int64_t c = 0; c < cols; c += bc) {
      if (coin(*rng) < sparsity) continue;
      for (int64_t i = r; i < std::min(r + br, rows); i++) {
        for (int64_t j = c; j < std::min(c + bc, cols); j++) w[i * cols + j] = value(*rng);
      }
    }
  }
  return w;
}

inline std::vector<float> random_nm(int64_t rows, int64_t cols, int n, int m, std::mt19937* rng) {
  std::vector<float> w = random_blocks(rows, cols, 1, 1, 0.0, rng);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c += m) {
      std::vector<int64_t> columns;
      for (int64_t i = c; i < std::min(c + m, cols); i++) columns.push_back(i);
      std::shuffle(columns.begin(), columns.end(), *rng);
      for (size_t i = n; i < columns.size(); i++) w[r * cols + columns[i]] = 0.0f;
    }
  }
  return w;
}

}  // namespace secateur::testing
