#include "pack/quad_rows.h"

#include <cstdlib>
#include <utility>

namespace secateur {

QuadGroups quad_groups(int64_t out_channels, int64_t in_channels, int groups) {
  QuadGroups g;
  const int64_t rows = out_channels / groups, channels = in_channels / groups;
  while (g.merged < groups &&
         (rows * g.merged % 4 != 0 || channels * g.merged % 4 != 0 || groups % g.merged != 0)) {
    g.merged++;
  }
  g.groups = groups / g.merged;
  g.rows = rows * g.merged;
  g.row_quads = (g.rows + 3) / 4;
  g.input_quads = (channels * g.merged + 3) / 4;
  return g;
}

QuadRows quads_of(const SparseRows& rows, int groups, int taps) {
  QuadRows out;
  const int64_t channels = rows.cols / taps, group_rows = rows.rows / groups;
  const QuadGroups g = quad_groups(rows.rows, channels * groups, groups);
  out.rows = rows.rows;
  out.cols = g.input_quads * taps;
  out.indptr.push_back(0);
  std::vector<uint32_t> of_taps(static_cast<size_t>(taps));  // one quad's
  for (int64_t row = 0; row < rows.rows; row++) {
    // The row's first channel in its merged group.
    const int64_t first = group_rows > 0 ? row / group_rows % g.merged * channels : 0;
    int32_t sum = 0;
    for (int64_t i = rows.indptr[row]; i < rows.indptr[row + 1];) {
      const int64_t quad = (first + rows.indices[i] / taps) / 4;
      for (; i < rows.indptr[row + 1]; i++) {
        const int64_t channel = first + rows.indices[i] / taps;
        if (channel / 4 != quad) break;
        const auto weight = static_cast<int32_t>(rows.values[i]);
        of_taps[rows.indices[i] % taps] |= (static_cast<uint32_t>(weight) & 0xff)
                                           << 8 * (channel % 4);
        sum += weight;
      }
      for (int tap = 0; tap < taps; tap++) {
        if (of_taps[tap] == 0) continue;
        out.columns.push_back(static_cast<int32_t>(quad * taps + tap));
        out.values.push_back(static_cast<int32_t>(of_taps[tap]));
        of_taps[tap] = 0;
      }
    }
    out.sums.push_back(sum);
    out.indptr.push_back(static_cast<int64_t>(out.values.size()));
  }
  return out;
}

namespace {

// Takes from the pair at bit `shift` of a block what is too much of it: the rest, in the second
// weight's place.
int32_t too_much(int most, int shift, int32_t* block) {
  const auto byte = [&](int at) {
    return static_cast<int8_t>(static_cast<uint32_t>(*block) >> at);
  };
  const int first = byte(shift), second = byte(shift + 8);
  if ((first ^ second) < 0 || std::abs(first + second) <= most) return 0;
  const int kept = (first < 0 ? -most : most) - first;
  const auto put = [&](int weight) {
    return static_cast<int32_t>((static_cast<uint32_t>(weight) & 0xff) << (shift + 8));
  };
  *block = (*block & ~put(-1)) | put(kept);
  return put(second - kept);
}

}  // namespace

void split_pairs(int most, QuadRows* rows) {
  if (most >= 254) return;
  std::vector<int32_t> columns, values;
  columns.reserve(rows->columns.size());
  values.reserve(rows->values.size());
  int64_t begin = 0;
  for (int64_t row = 0; row < rows->rows; row++) {
    const int64_t end = rows->indptr[row + 1];
    for (int64_t i = begin; i < end; i++) {
      int32_t kept = rows->values[i];
      const int32_t rest = too_much(most, 0, &kept) | too_much(most, 16, &kept);
      columns.push_back(rows->columns[i]);
      values.push_back(kept);
      if (rest == 0) continue;
      columns.push_back(rows->columns[i]);
      values.push_back(rest);
    }
    begin = end;
    rows->indptr[row + 1] = static_cast<int64_t>(values.size());
  }
  rows->columns = std::move(columns);
  rows->values = std::move(values);
}

}  // namespace secateur
