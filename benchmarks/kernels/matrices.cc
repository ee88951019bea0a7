#include "matrices.h"

#include <algorithm>
#include <cmath>

namespace secateur {
namespace {

std::vector<float> random_values(size_t count, std::mt19937* rng) {
  std::vector<float> values(count);
  for (float& v : values) v = (static_cast<float>((*rng)() >> 8) + 0.5f) * 0x1p-23f - 1.0f;
  return values;
}

// Column gaps of 16 bits, as the model file has them.
void encode_index(const Mask& mask, Encoded* out) {
  out->view.index_bits = 16;
  out->view.counts_bits = 32;
  size_t at = 0;
  for (const int32_t count : mask.counts) {
    testing::append_integer(&out->counts, 32, static_cast<uint32_t>(count));
    int32_t previous = 0;
    for (int32_t i = 0; i < count; i++, at++) {
      testing::append_integer(&out->index, 16, static_cast<uint32_t>(mask.columns[at] - previous));
      previous = mask.columns[at];
    }
  }
}

}  // namespace

Mask random_mask(int64_t rows, int64_t cols, double density, std::mt19937* rng) {
  Mask mask{rows, cols, {}, {}};
  std::uniform_real_distribution<double> uniform(1e-12, 1.0);
  const double scale = density < 1 ? 1 / std::log1p(-density) : 0;
  for (int64_t row = 0; row < rows; row++) {
    const size_t before = mask.columns.size();
    for (int64_t col = -1;;) {  // gaps between cells are geometric
      col += 1 + static_cast<int64_t>(std::log(uniform(*rng)) * scale);
      if (col >= cols) break;
      mask.columns.push_back(static_cast<int32_t>(col));
    }
    mask.counts.push_back(static_cast<int32_t>(mask.columns.size() - before));
  }
  return mask;
}

Mask random_like(const Mask& mask, std::mt19937* rng) {
  // Selection sampling (Knuth, algorithm S): cells in order, each with the probability that exactly
  // the number wanted comes out.
  Mask out{mask.rows, mask.cols, std::vector<int32_t>(static_cast<size_t>(mask.rows), 0), {}};
  int64_t cells = mask.rows * mask.cols, wanted = static_cast<int64_t>(mask.columns.size());
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  for (int64_t row = 0; row < mask.rows; row++) {
    for (int64_t col = 0; col < mask.cols; col++, cells--) {
      if (uniform(*rng) * static_cast<double>(cells) >= static_cast<double>(wanted)) continue;
      out.columns.push_back(static_cast<int32_t>(col));
      out.counts[static_cast<size_t>(row)]++;
      wanted--;
    }
  }
  return out;
}

Encoded encode_csr(const Mask& mask, std::mt19937* rng) {
  Encoded out;
  encode_index(mask, &out);
  out.view.format = WeightFormat::csr;
  out.view.rows = mask.rows;
  out.view.cols = mask.cols;
  out.view.nnz = static_cast<int64_t>(mask.columns.size());
  out.values = random_values(mask.columns.size(), rng);
  out.finish();
  return out;
}

Encoded encode_bsr(const Mask& mask, int block_rows, std::mt19937* rng) {
  Encoded out;
  encode_index(mask, &out);
  out.view.format = WeightFormat::bsr;
  out.view.rows = mask.rows * block_rows;
  out.view.cols = mask.cols;
  out.view.block_rows = block_rows;
  out.view.block_cols = 1;
  out.view.nnz = static_cast<int64_t>(mask.columns.size()) * block_rows;
  out.values = random_values(mask.columns.size() * static_cast<size_t>(block_rows), rng);
  out.finish();
  return out;
}

Encoded encode_dense(int64_t rows, int64_t cols, std::mt19937* rng) {
  return testing::encode_dense(random_values(static_cast<size_t>(rows * cols), rng), rows, cols);
}

}  // namespace secateur
