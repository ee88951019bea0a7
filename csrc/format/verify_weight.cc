// Weight matrices: buffer sizes, and that no stored position points outside the matrix.
#include <cmath>
#include <cstring>
#include <string>

#include "base/text.h"
#include "format/verify.h"

namespace secateur::format {
namespace {

constexpr uint32_t kMaxBlock = 64;   // rows or columns of a BSR block
constexpr uint32_t kMaxGroup = 256;  // m of n:m, as positions are u8

Status invalid(std::string what) { return {StatusCode::model_invalid, std::move(what)}; }

// An array of u8, u16 or u32. Buffers are 64-byte aligned.
class Numbers {
 public:
  Numbers(const Buffer& buffer, int bits) : data_(buffer.data), bits_(bits) {}
  uint32_t operator[](uint64_t i) const {
    if (bits_ == 8) return static_cast<const uint8_t*>(data_)[i];
    if (bits_ == 16) return static_cast<const uint16_t*>(data_)[i];
    return static_cast<const uint32_t*>(data_)[i];
  }

 private:
  const void* data_;
  int bits_;
};

// csr, and bsr over its grid of blocks: `counts` entries per row and column gaps.
Status verify_gaps(const Model& model, const Weight& w, uint64_t grid_rows, uint64_t grid_cols,
                   uint64_t* entries) {
  if (w.index_bits != 8 && w.index_bits != 16 && w.index_bits != 32) {
    return invalid(text("indices of ", static_cast<int>(w.index_bits), " bits"));
  }
  if (w.counts_bits != 16 && w.counts_bits != 32) {
    return invalid(text("counts of ", static_cast<int>(w.counts_bits), " bits"));
  }
  SCT_RETURN_IF_ERROR(verify_buffer(model, w.counts, grid_rows * (w.counts_bits / 8), "counts"));
  if (w.index >= model.buffers.size()) return invalid(text("index: no buffer ", w.index.number));
  const Numbers counts(model.buffers[w.counts], w.counts_bits);
  const Numbers gaps(model.buffers[w.index], w.index_bits);
  const uint64_t stored = model.buffers[w.index].bytes / (w.index_bits / 8);
  uint64_t begin = 0;
  for (uint64_t row = 0; row < grid_rows; row++) {
    const uint64_t count = counts[row];
    if (count > grid_cols || count > stored - begin) {
      return invalid(text("row ", row, " has ", count, " entries, more than there is room for"));
    }
    uint64_t column = 0;
    for (uint64_t i = 0; i < count; i++) {
      const uint32_t gap = gaps[begin + i];
      if (i > 0 && gap == 0) return invalid(text("row ", row, " has a column twice"));
      column += gap;
      if (column >= grid_cols) return invalid(text("row ", row, " has column ", column));
    }
    begin += count;
  }
  *entries = begin;
  return verify_buffer(model, w.index, begin * (w.index_bits / 8), "index");
}

// Whether stored value `i` is zero, of either sign.
bool is_zero(const Model& model, const Weight& w, uint64_t i) {
  const void* values = model.buffers[w.values].data;
  if (w.values_bits == 8) return static_cast<const int8_t*>(values)[i] == 0;
  if (w.values_bits == 16) return (static_cast<const uint16_t*>(values)[i] & 0x7fff) == 0;
  return static_cast<const float*>(values)[i] == 0;
}

Status verify_values(const Model& model, const Weight& w, uint64_t count) {
  if (w.tap_major && w.values_bits == 32) return invalid("f32 values in the order of taps");
  return verify_stored(model, w.values, w.values_bits, count, w.scales, w.rows, "values");
}

// Blocks at the right and lower edge hold zeros where they overhang.
Status verify_overhang(const Model& model, const Weight& w, uint64_t grid_rows) {
  const Numbers counts(model.buffers[w.counts], w.counts_bits);
  const Numbers gaps(model.buffers[w.index], w.index_bits);
  uint64_t block = 0;
  for (uint64_t row = 0; row < grid_rows; row++) {
    const uint64_t rows_inside = std::min<uint64_t>(w.block_rows, w.rows - row * w.block_rows);
    uint64_t column = 0;
    for (uint64_t i = 0; i < counts[row]; i++, block++) {
      column += gaps[block];
      const uint64_t cols_inside = std::min<uint64_t>(w.block_cols, w.cols - column * w.block_cols);
      if (rows_inside == w.block_rows && cols_inside == w.block_cols) continue;
      uint64_t at = block * w.block_rows * w.block_cols;
      for (uint64_t r = 0; r < w.block_rows; r++) {
        for (uint64_t c = 0; c < w.block_cols; c++, at++) {
          if ((r >= rows_inside || c >= cols_inside) && !is_zero(model, w, at)) {
            return invalid(text("a block of block row ", row, " is not zero outside the matrix"));
          }
        }
      }
    }
  }
  return {};
}

Status verify_csr(const Model& model, const Weight& w) {
  uint64_t entries = 0;
  SCT_RETURN_IF_ERROR(verify_gaps(model, w, w.rows, w.cols, &entries));
  if (entries != w.nnz) return invalid(text("counts sum to ", entries, ", not ", w.nnz));
  return verify_values(model, w, entries);
}

Status verify_bsr(const Model& model, const Weight& w, uint32_t groups) {
  if (w.block_rows == 0 || w.block_rows > kMaxBlock || w.block_cols == 0 ||
      w.block_cols > kMaxBlock) {
    return invalid(text("blocks of ", w.block_rows, "x", w.block_cols));
  }
  if (groups > 1 && w.rows / groups % w.block_rows != 0) {
    return invalid(text("blocks of ", w.block_rows, " rows straddle groups"));
  }
  const uint64_t grid_rows = (uint64_t{w.rows} + w.block_rows - 1) / w.block_rows;
  const uint64_t grid_cols = (uint64_t{w.cols} + w.block_cols - 1) / w.block_cols;
  uint64_t blocks = 0;
  SCT_RETURN_IF_ERROR(verify_gaps(model, w, grid_rows, grid_cols, &blocks));
  const uint64_t values = blocks * w.block_rows * w.block_cols;
  if (w.nnz > values) return invalid(text(w.nnz, " nonzeros in ", values, " values"));
  SCT_RETURN_IF_ERROR(verify_values(model, w, values));
  return verify_overhang(model, w, grid_rows);
}

Status verify_nm(const Model& model, const Weight& w) {
  if (w.m == 0 || w.m > kMaxGroup || w.n == 0 || w.n > w.m) {
    return invalid(text("a pattern of ", w.n, ":", w.m));
  }
  if (w.index_bits != 8) return invalid("n:m positions must be u8");
  const uint64_t row_groups = (uint64_t{w.cols} + w.m - 1) / w.m;
  const uint64_t slots = row_groups * w.n * w.rows;  // at most kMaxFloats * 256
  if (w.nnz > slots) return invalid(text(w.nnz, " nonzeros in ", slots, " slots"));
  SCT_RETURN_IF_ERROR(verify_buffer(model, w.index, slots, "index"));
  SCT_RETURN_IF_ERROR(verify_values(model, w, slots));
  const auto* index = static_cast<const uint8_t*>(model.buffers[w.index].data);
  for (uint64_t row = 0; row < w.rows; row++) {
    for (uint64_t group = 0; group < row_groups; group++) {
      const uint64_t width = std::min<uint64_t>(w.m, w.cols - group * w.m);
      for (uint32_t i = 0; i < w.n; i++, index++) {
        if (*index >= width) return invalid(text("row ", row, " has a position outside its group"));
      }
    }
  }
  return {};
}

}  // namespace

Status verify_buffer(const Model& model, uint32_t number, uint64_t bytes, const char* what) {
  if (number >= model.buffers.size()) return invalid(text(what, ": no buffer ", number));
  if (model.buffers[number].bytes != bytes) {
    return invalid(
        text(what, " has ", model.buffers[number].bytes, " bytes where ", bytes, " are needed"));
  }
  return {};
}

Status verify_stored(const Model& model, uint32_t number, int bits, uint64_t count, uint32_t scales,
                     uint64_t rows, const char* what) {
  if (bits != 8 && bits != 16 && bits != 32) return invalid(text(what, " of ", bits, " bits"));
  SCT_RETURN_IF_ERROR(verify_buffer(model, number, count * static_cast<uint64_t>(bits / 8), what));
  if (bits != 8) return scales == kNoBuffer ? Status() : invalid("scales without i8 values");
  SCT_RETURN_IF_ERROR(verify_buffer(model, scales, rows * sizeof(float), "scales"));
  const auto* scale = static_cast<const float*>(model.buffers[scales].data);
  for (uint64_t row = 0; row < rows; row++) {
    if (!(scale[row] > 0) || !std::isfinite(scale[row])) {
      return invalid(text("row ", row, " has a scale of ", scale[row]));
    }
  }
  if (count > 0 && std::memchr(model.buffers[number].data, 0x80, count)) {
    return invalid(text(what, " of -128, they are from -127 to 127"));
  }
  return {};
}

Status verify_weight(const Model& model, const Weight& w, int64_t rows, int64_t cols,
                     uint32_t groups) {
  if (w.rows != rows || w.cols != cols) {
    return invalid(text("the weight is ", w.rows, "x", w.cols, ", not ", rows, "x", cols));
  }
  if (rows == 0 || cols == 0 || cols > kMaxFloats / rows) return invalid("the weight's size");
  switch (w.format) {
    case WeightFormat::dense:
      if (w.nnz > uint64_t{w.rows} * w.cols) return invalid(text(w.nnz, " nonzeros"));
      return verify_values(model, w, uint64_t{w.rows} * w.cols);
    case WeightFormat::csr:
      return verify_csr(model, w);
    case WeightFormat::bsr:
      return verify_bsr(model, w, groups);
    case WeightFormat::nm:
      return verify_nm(model, w);
  }
  return invalid(text("weight format ", static_cast<int>(w.format), " is unknown"));
}

}  // namespace secateur::format
