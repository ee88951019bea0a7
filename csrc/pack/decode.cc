#include "pack/decode.h"

#include <algorithm>
#include <limits>

namespace secateur {
namespace {

Status invalid(const char* what) {
  return Status(StatusCode::model_invalid, std::string("weight: ") + what);
}

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

bool valid_bits(int bits) { return bits == 8 || bits == 16 || bits == 32; }

constexpr int64_t kMaxExtent = std::numeric_limits<int32_t>::max();

// csr is bsr with 1 x 1 blocks.
Status check_blocks(const WeightView& w, int64_t block_rows, int64_t block_cols) {
  if (block_rows < 1 || block_cols < 1 || block_rows > 256 || block_cols > 256) {
    return invalid("block shape out of range");
  }
  if (!valid_bits(w.index_bits) || !valid_bits(w.counts_bits)) return invalid("index width");
  const int64_t grid_rows = (w.rows + block_rows - 1) / block_rows;
  const int64_t grid_cols = (w.cols + block_cols - 1) / block_cols;
  if (w.counts_count != grid_rows || (grid_rows > 0 && !w.counts)) {
    return invalid("as many counts as (block) rows are wanted");
  }
  const Integers counts(w.counts, w.counts_bits), gaps(w.index, w.index_bits);
  int64_t blocks = 0;
  for (int64_t row = 0; row < grid_rows; row++) {
    const int64_t count = counts[row];
    if (blocks + count > w.index_count) return invalid("counts exceed the index");
    int64_t col = 0;
    for (int64_t i = 0; i < count; i++) {
      const int64_t gap = gaps[blocks + i];
      if (i > 0 && gap == 0) return invalid("a column stands twice in a row");
      col += gap;
      if (col >= grid_cols) return invalid("a column is out of range");
    }
    blocks += count;
  }
  if (blocks != w.index_count) return invalid("counts do not add up to the index");
  if (w.values_count != blocks * block_rows * block_cols) return invalid("values are missing");
  return Status();
}

Status check_nm(const WeightView& w) {
  if (w.m < 1 || w.m > 256 || w.n < 0 || w.n > w.m) return invalid("N:M out of range");
  if (w.index_bits != 8) return invalid("N:M index width");
  const int64_t groups = (w.cols + w.m - 1) / w.m;
  const int64_t slots = w.rows * groups * w.n;
  if (w.index_count != slots || w.values_count != slots) return invalid("values are missing");
  const Integers index(w.index, 8);
  for (int64_t i = 0; i < slots; i++) {
    const int64_t group = i / w.n % groups;
    // An unused slot holds value 0 and index 0; column 0 of a group always exists.
    if (index[i] >= static_cast<uint32_t>(w.m) || group * w.m + index[i] >= w.cols) {
      return invalid("a column is out of range");
    }
  }
  return Status();
}

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

void decode_blocks(const WeightView& w, int64_t block_rows, int64_t block_cols, SparseRows* out) {
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

}  // namespace

Status check_weight(const WeightView& w) {
  if (w.rows < 0 || w.cols < 0 || w.rows > kMaxExtent || w.cols > kMaxExtent) {
    return invalid("shape out of range");
  }
  if (w.values_count > 0 && !w.values) return invalid("values are missing");
  if (w.index_count > 0 && !w.index) return invalid("the index is missing");
  switch (w.format) {
    case WeightFormat::dense:
      if (w.values_count != w.rows * w.cols) return invalid("values are missing");
      return Status();
    case WeightFormat::csr:
      return check_blocks(w, 1, 1);
    case WeightFormat::bsr:
      return check_blocks(w, w.block_rows, w.block_cols);
    case WeightFormat::nm:
      return check_nm(w);
  }
  return invalid("unknown format");
}

Status decode_weight(const WeightView& w, SparseRows* out) {
  SCT_RETURN_IF_ERROR(check_weight(w));
  *out = SparseRows();
  out->rows = w.rows;
  out->cols = w.cols;
  out->indptr.reserve(static_cast<size_t>(w.rows + 1));
  out->indptr.push_back(0);
  const int64_t most =
      w.format == WeightFormat::dense ? std::min(w.nnz, w.values_count) : w.values_count;
  out->indices.reserve(static_cast<size_t>(most));
  out->values.reserve(static_cast<size_t>(most));
  switch (w.format) {
    case WeightFormat::dense:
      decode_dense(w, out);
      break;
    case WeightFormat::csr:
      decode_blocks(w, 1, 1, out);
      break;
    case WeightFormat::bsr:
      decode_blocks(w, w.block_rows, w.block_cols, out);
      break;
    case WeightFormat::nm:
      decode_nm(w, out);
      break;
  }
  return Status();
}

}  // namespace secateur
