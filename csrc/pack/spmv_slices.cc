#include "pack/spmv_slices.h"

#include <algorithm>
#include <array>
#include <limits>

namespace secateur {
namespace {

constexpr int kMostLanes = 64;
constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

// The rows of a slice, and of each the entry that it wants next.
struct Cursor {
  const SparseRows& rows;
  int lanes, window;
  std::array<int64_t, kMostLanes> at, end;

  Cursor(const SparseRows& given, const SpmvLayout& layout)
      : rows(given), lanes(layout.lanes), window(layout.window) {}

  void begin(const int32_t* row_of_lane) {
    for (int lane = 0; lane < lanes; lane++) {
      const int32_t row = row_of_lane[lane];
      at[lane] = row < 0 ? 0 : rows.indptr[row];
      end[lane] = row < 0 ? 0 : rows.indptr[row + 1];
    }
  }

  // Where the next entry of a lane meets x.
  int64_t next(int lane) const {
    if (at[lane] == end[lane]) return kNone;
    const int64_t column = rows.indices[at[lane]];
    return window > 1 ? column + column / (window - 1) : column;
  }

  // The column or window of the next depth, of those up to `last`; kNone after the last depth.
  // take(lane, entry, place): an entry of this depth, and its place in the window.
  template <typename Take>
  int64_t depth(int64_t last, const Take& take) {
    int64_t first = kNone;
    for (int lane = 0; lane < lanes; lane++) first = std::min(first, next(lane));
    if (first == kNone) return kNone;
    first = std::min(first, last);
    for (int lane = 0; lane < lanes; lane++) {
      const int64_t place = next(lane);
      if (place < first + window) take(lane, at[lane]++, place - first);
    }
    return first;
  }
};

// [part rows, in order or sorted], filled up with -1 to whole slices.
std::vector<int32_t> lanes_of(const SparseRows& rows, const SpmvLayout& layout, int64_t begin,
                              int64_t end) {
  std::vector<int64_t> lengths(static_cast<size_t>(end - begin));
  for (int64_t r = begin; r < end && !layout.in_order; r++) {
    lengths[r - begin] = rows.indptr[r + 1] - rows.indptr[r];
  }
  std::vector<int32_t> order = longest_first(lengths, begin);
  const size_t lanes = static_cast<size_t>(layout.lanes);
  order.resize((order.size() + lanes - 1) / lanes * lanes, -1);
  return order;
}

// Depths of a slice: windows come in fours.
int64_t whole_depths(SpmvForm form, int64_t depths) {
  return form == SpmvForm::window ? (depths + 3) / 4 * 4 : depths;
}

}  // namespace

int64_t SpmvLayout::vector_floats(int64_t columns) const {
  return window > 1 ? (columns + window - 2) / (window - 1) * window : columns;
}

int64_t spmv_depths(const SparseRows& rows, const SpmvLayout& layout) {
  const std::vector<int32_t> order = lanes_of(rows, layout, 0, rows.rows);
  const int64_t last = layout.vector_floats(rows.cols) - layout.window;
  Cursor cursor(rows, layout);
  int64_t depths = 0;
  for (size_t slice = 0; slice < order.size(); slice += layout.lanes) {
    cursor.begin(&order[slice]);
    int64_t depth = 0;
    while (cursor.depth(last, [](int, int64_t, int64_t) {}) != kNone) depth++;
    depths += whole_depths(layout.form, depth);
  }
  return depths;
}

void pack_spmv_slices(const SparseRows& rows, const SpmvLayout& layout, int parts,
                      WeightMemory* memory, SpmvWeights* out) {
  *out = SpmvWeights();
  const int lanes = layout.lanes;
  const bool window = layout.form == SpmvForm::window;
  out->parts = parts;
  out->lanes = lanes;
  out->columns_per_block = std::max<int64_t>(rows.cols, 1);
  out->nnz = rows.nnz();
  std::vector<int64_t> nonzeros(static_cast<size_t>(rows.rows));
  for (int64_t r = 0; r < rows.rows; r++) nonzeros[r] = rows.indptr[r + 1] - rows.indptr[r];
  const std::vector<int64_t> cuts = cut_spmv_rows(nonzeros, lanes, parts);

  // Depths first, then the streams, written in place.
  const int64_t last = layout.vector_floats(rows.cols) - layout.window;
  Cursor cursor(rows, layout);
  int64_t slices = 0, depths = 0;
  out->slice_at.push_back(0);
  for (int part = 0; part < parts; part++) {
    const std::vector<int32_t> order = lanes_of(rows, layout, cuts[part], cuts[part + 1]);
    out->rows.insert(out->rows.end(), order.begin(), order.end());
    out->stream_at.push_back(depths);
    out->depth.push_back(0);
    for (size_t slice = 0; slice < order.size(); slice += lanes, slices++) {
      int64_t depth = 0;
      cursor.begin(&order[slice]);
      while (cursor.depth(last, [](int, int64_t, int64_t) {}) != kNone) depth++;
      depth = whole_depths(layout.form, depth);
      out->depth.push_back(out->depth.back() + static_cast<int32_t>(depth));
      depths += depth;
    }
    out->slice_at.push_back(slices);
  }
  out->values = AlignedArray<float>(static_cast<size_t>(depths * lanes), memory);
  out->columns = AlignedArray<uint16_t>(static_cast<size_t>(depths), memory);
  if (window) out->picks = AlignedArray<uint32_t>(static_cast<size_t>(depths / 4 * lanes), memory);
  int64_t at = 0;
  for (int64_t slice = 0; slice < slices; slice++) {
    cursor.begin(&out->rows[static_cast<size_t>(slice * lanes)]);
    for (bool ended = false; !ended || (window && at % 4 != 0);) {
      std::array<int, kMostLanes> place;
      place.fill(-1);
      float* values = out->values.data() + at * lanes;
      int64_t first = cursor.depth(last, [&](int lane, int64_t entry, int64_t where) {
        values[lane] = rows.values[entry];
        place[lane] = static_cast<int>(where);
      });
      ended = first == kNone;
      if (ended && !(window && at % 4 != 0)) break;
      if (ended) first = 0;  // of zeros
      out->columns[at] = static_cast<uint16_t>(first);
      const int zero = layout.window - 1 - static_cast<int>(first % layout.window);
      for (int lane = 0; window && lane < lanes; lane++) {
        const auto which = static_cast<uint32_t>(place[lane] < 0 ? zero : place[lane]);
        out->picks[at / 4 * lanes + lane] |= which << 8 * (at % 4);
      }
      at++;
    }
  }
}

}  // namespace secateur
