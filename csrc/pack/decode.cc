#include "pack/decode.h"

#include <algorithm>

#include "base/half.h"

namespace secateur {
namespace {

// An unsigned integer stream of 8, 16 or 32 bits.
class Integers {
 public:
  Integers(const void* data, int bits) : data_(data), bits_(bits) {}
  uint32_t operator[](int64_t i) const {
    switch (bits_) {
      case 8:
        return static_cast<const uint8_t*>(data_)[i];
      case 16:
        return static_cast<const uint16_t*>(data_)[i];
      default:
        return static_cast<const uint32_t*>(data_)[i];
    }
  }

 private:
  const void* data_;
  int bits_;
};

void decode_dense(const WeightView& w, SparseRows* out) {
  for (int64_t row = 0; row < w.rows; row++) {
    for (int64_t col = 0; col < w.cols; col++) {
      const float v = w.values[row * w.cols + col];
      if (v == 0.0f) continue;
      out->indices.push_back(static_cast<int32_t>(col));
      out->values.push_back(v);
    }
    out->indptr.push_back(out->nnz());
  }
}

// Written where it belongs if it is not zero, and written over if it is.
template <typename Gap>
void decode_csr(const WeightView& w, const Gap* gaps, SparseRows* out) {
  const Integers counts(w.counts, w.counts_bits);
  out->indices.resize(static_cast<size_t>(w.values_count));
  out->values.resize(static_cast<size_t>(w.values_count));
  int32_t* indices = out->indices.data();
  float* values = out->values.data();
  const float* from = w.values;
  int64_t kept = 0;
  for (int64_t row = 0; row < w.rows; row++) {
    int32_t col = 0;
    for (const Gap* end = gaps + counts[row]; gaps < end; gaps++, from++) {
      col += static_cast<int32_t>(*gaps);
      indices[kept] = col;
      values[kept] = *from;
      kept += *from != 0.0f;
    }
    out->indptr.push_back(kept);
  }
  out->indices.resize(static_cast<size_t>(kept));
  out->values.resize(static_cast<size_t>(kept));
}

void decode_bsr(const WeightView& w, SparseRows* out) {
  const int64_t block_rows = w.block_rows, block_cols = w.block_cols;
  const Integers counts(w.counts, w.counts_bits), gaps(w.index, w.index_bits);
  int64_t first = 0;  // block of the block row
  for (int64_t grid_row = 0; grid_row < w.counts_count; grid_row++) {
    const int64_t count = counts[grid_row];
    const int64_t row_end = std::min(block_rows, w.rows - grid_row * block_rows);
    for (int64_t r = 0; r < row_end; r++) {
      int64_t grid_col = 0;
      for (int64_t b = first; b < first + count; b++) {
        grid_col += gaps[b];
        for (int64_t c = 0; c < block_cols; c++) {
          const int64_t col = grid_col * block_cols + c;
          const float v = w.values[(b * block_rows + r) * block_cols + c];
          if (v == 0.0f || col >= w.cols) continue;
          out->indices.push_back(static_cast<int32_t>(col));
          out->values.push_back(v);
        }
      }
      out->indptr.push_back(out->nnz());
    }
    first += count;
  }
}

void decode_nm(const WeightView& w, SparseRows* out) {
  const Integers index(w.index, 8);
  const int64_t groups = (w.cols + w.m - 1) / w.m;
  std::vector<float> group(static_cast<size_t>(w.m));
  for (int64_t row = 0; row < w.rows; row++) {
    for (int64_t g = 0; g < groups; g++) {
      std::fill(group.begin(), group.end(), 0.0f);
      for (int64_t slot = (row * groups + g) * w.n; slot < (row * groups + g + 1) * w.n; slot++) {
        if (w.values[slot] != 0.0f) group[index[slot]] = w.values[slot];
      }
      for (int64_t i = 0; i < w.m; i++) {
        if (group[i] == 0.0f) continue;
        out->indices.push_back(static_cast<int32_t>(g * w.m + i));
        out->values.push_back(group[i]);
      }
    }
    out->indptr.push_back(out->nnz());
  }
}

// The stored values of i8 and f16 as floats, without their scales.
std::vector<float> unscaled(const WeightView& w) {
  std::vector<float> values(static_cast<size_t>(w.values_count));
  for (size_t i = 0; i < values.size(); i++) {
    values[i] = w.quantized ? static_cast<float>(w.quantized[i]) : half_to_float(w.halves[i]);
  }
  return values;
}

// (tap, channel) -> (channel, tap).
int64_t channel_major(const WeightView& w, int64_t col) {
  const int64_t channels = w.cols / w.taps;
  return col % channels * w.taps + col / channels;
}

void scale_rows(const float* scales, SparseRows* rows) {
  for (int64_t row = 0; row < rows->rows; row++) {
    for (int64_t i = rows->indptr[row]; i < rows->indptr[row + 1]; i++) {
      rows->values[i] *= scales[row];
    }
  }
}

void order_columns(const WeightView& w, SparseRows* rows) {
  std::vector<float> line(static_cast<size_t>(w.cols), 0.0f);
  for (int64_t row = 0; row < rows->rows; row++) {
    int64_t at = rows->indptr[row];
    for (int64_t i = at; i < rows->indptr[row + 1]; i++) {
      line[channel_major(w, rows->indices[i])] = rows->values[i];
    }
    for (int64_t col = 0; at < rows->indptr[row + 1]; col++) {
      if (line[col] == 0.0f) continue;
      rows->indices[at] = static_cast<int32_t>(col);
      rows->values[at++] = line[col];
      line[col] = 0.0f;
    }
  }
}

}  // namespace

std::vector<float> decode_matrix(const WeightView& w) {
  std::vector<float> matrix(static_cast<size_t>(w.rows * w.cols));
  int64_t at = 0;
  for (int64_t row = 0; row < w.rows; row++) {
    for (int64_t col = 0; col < w.cols; col++, at++) {
      const int64_t to = row * w.cols + (w.tap_major ? channel_major(w, col) : col);
      matrix[to] = w.quantized ? static_cast<float>(w.quantized[at]) * w.scales[row]
                               : half_to_float(w.halves[at]);
    }
  }
  return matrix;
}

std::vector<float> dense_matrix(const SparseRows& rows) {
  std::vector<float> dense(static_cast<size_t>(rows.rows * rows.cols), 0.0f);
  for (int64_t r = 0; r < rows.rows; r++) {
    for (int64_t i = rows.indptr[r]; i < rows.indptr[r + 1]; i++) {
      dense[static_cast<size_t>(r * rows.cols + rows.indices[i])] = rows.values[i];
    }
  }
  return dense;
}

SparseRows decode_weight(const WeightView& stored) {
  WeightView w = stored;
  std::vector<float> values;
  if (!w.values) {
    values = unscaled(w);
    w.values = values.data();
  }
  SparseRows rows;
  rows.rows = w.rows;
  rows.cols = w.cols;
  rows.indptr.reserve(static_cast<size_t>(w.rows + 1));
  rows.indptr.push_back(0);
  const int64_t most =
      w.format == WeightFormat::dense ? std::min(w.nnz, w.values_count) : w.values_count;
  rows.indices.reserve(static_cast<size_t>(most));
  rows.values.reserve(static_cast<size_t>(most));
  switch (w.format) {
    case WeightFormat::dense:
      decode_dense(w, &rows);
      break;
    case WeightFormat::csr:
      if (w.index_bits == 8) decode_csr(w, static_cast<const uint8_t*>(w.index), &rows);
      if (w.index_bits == 16) decode_csr(w, static_cast<const uint16_t*>(w.index), &rows);
      if (w.index_bits == 32) decode_csr(w, static_cast<const uint32_t*>(w.index), &rows);
      break;
    case WeightFormat::bsr:
      decode_bsr(w, &rows);
      break;
    case WeightFormat::nm:
      decode_nm(w, &rows);
      break;
  }
  if (w.scales) scale_rows(w.scales, &rows);
  if (w.tap_major && w.taps > 1) order_columns(w, &rows);
  return rows;
}

}  // namespace secateur
