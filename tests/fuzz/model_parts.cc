#include "model_parts.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace secateur::testing {
namespace {

constexpr uint32_t kEdges[] = {0,    1,     2,     3,       4,          7,           8,
                               15,   16,    17,    31,      32,         33,          63,
                               64,   65,    127,   128,     255,        256,         257,
                               4096, 65535, 65536, 1 << 20, 0x7fffffff, 0x80000000u, 0xffffffffu};
constexpr uint32_t kSmall[] = {1, 1, 1, 2, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33, 48, 65};

}  // namespace

uint32_t Parts::number() {
  switch (below(3u)) {
    case 0:
      return kEdges[below(std::size(kEdges))];
    case 1:
      return below(70u);
    default:
      return static_cast<uint32_t>(random_());
  }
}
uint32_t Parts::small() { return kSmall[below(std::size(kSmall))]; }

float Parts::value() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kValues[] = {0.0f,  -0.0f,     1.0f,       -1.0f, 1e-40f,
                               1e38f, kInfinity, -kInfinity, 1e-5f, NAN};
  if (one_in(3)) return kValues[below(std::size(kValues))];
  return static_cast<float>(static_cast<int>(below(201u)) - 100) * 0.01f;
}

float Parts::scale() {
  constexpr float kScales[] = {1e-40f, 1e-20f, 1e-3f, 1.0f, 1e20f, 3e38f};
  if (one_in(8)) return kScales[below(std::size(kScales))];
  return static_cast<float>(1 + below(100u)) * 0.001f;
}

uint32_t Parts::buffer(Bytes bytes) {
  storage_.push_back(std::move(bytes));
  model.buffers.push_back({storage_.back().data(), storage_.back().size()});
  return static_cast<uint32_t>(model.buffers.size() - 1);
}

uint32_t Parts::floats(uint64_t count) {
  std::vector<float> all(count);
  for (float& v : all) v = static_cast<float>(static_cast<int>(below(201u)) - 100) * 0.01f;
  return array(all);
}

uint32_t Parts::integers(uint64_t count, uint32_t most) {
  std::vector<int32_t> all(count);
  for (int32_t& v : all) v = static_cast<int32_t>(below(2 * most + 1)) - static_cast<int32_t>(most);
  return array(all);
}

uint32_t Parts::indices(uint64_t count, uint32_t end) {
  std::vector<uint32_t> all(count);
  for (uint32_t& v : all) v = below(end);
  return array(all);
}

uint32_t Parts::scales(uint64_t rows) {
  std::vector<float> all(rows);
  for (float& v : all) v = scale();
  return array(all);
}

void Parts::values(uint64_t count, uint64_t rows, uint8_t bits, const std::vector<bool>& kept,
                   format::BufferRef* values, format::BufferRef* scales) {
  const auto keeps = [&](uint64_t i) { return kept.empty() || kept[i]; };
  if (scales) *scales = bits == 8 ? this->scales(rows) : format::kNoBuffer;
  if (bits == 8) {
    std::vector<int8_t> all(count);
    for (uint64_t i = 0; i < count; i++) {
      all[i] = keeps(i) ? static_cast<int8_t>(static_cast<int>(below(255u)) - 127) : int8_t{0};
    }
    *values = array(all);
  } else if (bits == 16) {  // +-[2^-6, 2), infinities and NaN now and then
    std::vector<uint16_t> all(count);
    for (uint64_t i = 0; i < count; i++) {
      const uint32_t bits16 =
          one_in(200) ? below(0x10000u) : below(2u) << 15 | (0x2400 + below(0x1c00u));
      all[i] = keeps(i) ? static_cast<uint16_t>(bits16) : uint16_t{0};
    }
    *values = array(all);
  } else {
    std::vector<float> all(count);
    for (uint64_t i = 0; i < count; i++) {
      all[i] = keeps(i) ? static_cast<float>(static_cast<int>(below(201u)) - 100) * 0.01f : 0.0f;
    }
    *values = array(all);
  }
}

// csr and bsr: rows of ascending places in the grid of blocks, of a random density.
void Parts::sparse(format::Weight* w) {
  const uint32_t percent = small() * 2;
  const uint32_t grid_rows = (w->rows + w->block_rows - 1) / w->block_rows;
  const uint32_t grid_cols = (w->cols + w->block_cols - 1) / w->block_cols;
  std::vector<uint32_t> gaps, counts;
  std::vector<bool> kept;
  for (uint32_t row = 0; row < grid_rows; row++) {
    uint32_t last = 0, count = 0;
    for (uint32_t col = 0; col < grid_cols; col++) {
      if (below(100u) >= percent) continue;
      gaps.push_back(col - last);
      last = col;
      count++;
      for (uint32_t r = 0; r < w->block_rows; r++) {
        for (uint32_t c = 0; c < w->block_cols; c++) {
          kept.push_back(row * w->block_rows + r < w->rows && col * w->block_cols + c < w->cols);
        }
      }
    }
    counts.push_back(count);
  }
  w->nnz = kept.size();
  values(kept.size(), w->rows, w->values_bits, kept, &w->values, &w->scales);
  const uint32_t widest = gaps.empty() ? 0 : *std::max_element(gaps.begin(), gaps.end());
  if (widest < 256 && one_in(2)) {
    w->index_bits = 8;
    w->index = array(std::vector<uint8_t>(gaps.begin(), gaps.end()));
  } else if (widest < 65536 && one_in(2)) {
    w->index_bits = 16;
    w->index = array(std::vector<uint16_t>(gaps.begin(), gaps.end()));
  } else {
    w->index_bits = 32;
    w->index = array(gaps);
  }
  w->counts_bits = one_in(2) ? 16 : 32;
  w->counts = w->counts_bits == 16 ? array(std::vector<uint16_t>(counts.begin(), counts.end()))
                                   : array(counts);
}

format::Weight Parts::weight(uint32_t rows, uint32_t cols, uint32_t groups, uint8_t bits) {
  format::Weight w;
  w.rows = rows;
  w.cols = cols;
  w.values_bits = bits;
  w.tap_major = bits != 32 && one_in(2);
  switch (below(4u)) {
    case 0:
      w.nnz = uint64_t{rows} * cols;
      values(w.nnz, rows, bits, {}, &w.values, &w.scales);
      break;
    case 1: {
      w.format = format::WeightFormat::nm;
      w.m = 1 + below(8u);
      w.n = 1 + below(w.m);
      // As many of a group's first positions; zeros at its first where the last group overhangs.
      const uint64_t groups_of_row = (cols + w.m - 1) / w.m;
      Bytes index;
      std::vector<bool> kept;
      for (uint64_t i = 0; i < rows * groups_of_row * w.n; i++) {
        const uint64_t slot = i % w.n, col = i / w.n % groups_of_row * w.m + slot;
        kept.push_back(col < cols);
        index.push_back(static_cast<unsigned char>(col < cols ? slot : 0));
      }
      w.nnz = kept.size();
      values(kept.size(), rows, bits, kept, &w.values, &w.scales);
      w.index = buffer(std::move(index));
      break;
    }
    case 2: {
      w.format = format::WeightFormat::bsr;
      constexpr uint32_t kSizes[] = {1, 2, 3, 4, 8, 16};
      w.block_rows = kSizes[below(std::size(kSizes))];
      if (groups > 1 && rows / groups % w.block_rows != 0) w.block_rows = 1;
      w.block_cols = one_in(2) ? 4 : one_in(2) ? 1 : kSizes[below(std::size(kSizes))];
      sparse(&w);
      break;
    }
    default:
      w.format = format::WeightFormat::csr;
      sparse(&w);
  }
  return w;
}

}  // namespace secateur::testing
