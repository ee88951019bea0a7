#include "pack/spmm_pack.h"

#include <algorithm>
#include <numeric>

namespace secateur {
namespace {

struct Strip {
  int32_t row;
  int32_t mr;
  int64_t weight;  // blocks of the strip, for balancing
};

// Calls visit(column, values[mr]) for each column in which a row of the strip has a nonzero.
template <typename Visit>
void visit_union(const SparseRows& rows, int64_t row, int mr, Visit&& visit) {
  int64_t at[8], end[8];
  for (int m = 0; m < mr; m++) {
    at[m] = rows.indptr[row + m];
    end[m] = rows.indptr[row + m + 1];
  }
  for (;;) {
    int32_t column = INT32_MAX;
    for (int m = 0; m < mr; m++) {
      if (at[m] < end[m]) column = std::min(column, rows.indices[at[m]]);
    }
    if (column == INT32_MAX) return;
    float values[8] = {};
    for (int m = 0; m < mr; m++) {
      if (at[m] < end[m] && rows.indices[at[m]] == column) values[m] = rows.values[at[m]++];
    }
    visit(column, values);
  }
}

template <typename Visit>
void visit_strip(const SparseRows& rows, const WeightView& view, bool dense, const Strip& strip,
                 Visit&& visit) {
  if (!dense && strip.mr == 1) {
    for (int64_t i = rows.indptr[strip.row]; i < rows.indptr[strip.row + 1]; i++) {
      visit(rows.indices[i], &rows.values[i]);
    }
    return;
  }
  if (!dense) {
    visit_union(rows, strip.row, strip.mr, visit);
    return;
  }
  float values[8] = {};
  for (int64_t col = 0; col < view.cols; col++) {
    for (int m = 0; m < strip.mr; m++) values[m] = view.values[(strip.row + m) * view.cols + col];
    visit(static_cast<int32_t>(col), values);
  }
}

std::vector<Strip> make_strips(const SparseRows& rows, const WeightView& view, bool dense,
                               int32_t begin, int32_t end, int mr) {
  std::vector<Strip> strips;
  for (int32_t row = begin; row < end;) {
    while (row + mr > end) mr /= 2;
    Strip strip{row, mr, 0};
    if (dense) {
      strip.weight = view.cols;
    } else if (mr == 1) {
      strip.weight = rows.indptr[row + 1] - rows.indptr[row];
    } else {
      visit_union(rows, row, mr, [&](int32_t, const float*) { strip.weight++; });
    }
    strips.push_back(strip);
    row += mr;
  }
  return strips;
}

// Cuts strips into `parts` runs of about equal work: [parts + 1] positions in the list.
std::vector<size_t> cut_parts(const std::vector<Strip>& strips, int parts) {
  // A strip costs its blocks and, once per K block, its accumulators.
  auto cost = [](const Strip& s) { return (s.weight + 2) * s.mr; };
  int64_t total = 0;
  for (const Strip& s : strips) total += cost(s);
  std::vector<size_t> cuts{0};
  int64_t sum = 0;
  size_t i = 0;
  for (int part = 1; part < parts; part++) {
    while (i < strips.size() && (sum + cost(strips[i]) / 2) * parts < total * part) {
      sum += cost(strips[i++]);
    }
    cuts.push_back(i);
  }
  cuts.push_back(strips.size());
  return cuts;
}

// What the strips of one height bring to one K block, before sorting.
struct Bucket {
  std::vector<int32_t> rows;    // per strip
  std::vector<int32_t> counts;  // per strip
  std::vector<int32_t> offsets;
  std::vector<float> values;
};

// How far the streams in SpmmWeights have been written.
struct Cursor {
  int64_t offsets = 0, values = 0;
};

// Appends a bucket as a segment, its strips ordered by count. Strips with nothing to add are left
// out of blocks in the middle.
void append_segment(const Bucket& bucket, int mr, bool edge_block, SpmmWeights* out, Cursor* at) {
  const size_t strips = bucket.rows.size();
  std::vector<int32_t> starts(strips + 1, 0), order(strips);
  for (size_t i = 0; i < strips; i++) starts[i + 1] = starts[i] + bucket.counts[i];
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return bucket.counts[a] < bucket.counts[b]; });
  SpmmSegment segment;
  segment.mr = mr;
  segment.indptr_at = static_cast<int64_t>(out->indptr.size());
  segment.rows_at = static_cast<int64_t>(out->rows.size());
  segment.offsets_at = at->offsets;
  segment.values_at = at->values;
  out->indptr.push_back(0);
  for (int32_t i : order) {
    if (bucket.counts[i] == 0 && !edge_block) continue;
    segment.strips++;
    out->rows.push_back(bucket.rows[i]);
    out->indptr.push_back(out->indptr.back() + bucket.counts[i]);
    const int64_t blocks = bucket.counts[i], values = blocks * mr;
    std::copy_n(bucket.offsets.data() + starts[i], blocks, out->offsets.data() + at->offsets);
    std::copy_n(bucket.values.data() + int64_t{starts[i]} * mr, values,
                out->values.data() + at->values);
    at->offsets += blocks;
    at->values += values;
  }
  if (segment.strips == 0) {
    out->indptr.pop_back();
    return;
  }
  out->segments.push_back(segment);
}

}  // namespace

void pack_spmm(const SparseRows& rows, const WeightView& view, const SpmmPackOptions& options,
               SpmmWeights* out) {
  *out = SpmmWeights();
  out->groups = options.groups;
  out->parts = options.parts;
  out->blocks = options.blocks;
  out->segment_at.push_back(0);
  const int64_t all_rows = options.dense ? view.rows : rows.rows;
  const int32_t group_rows = static_cast<int32_t>(all_rows / options.groups);
  std::vector<std::vector<Strip>> strips_of(options.groups);
  int64_t blocks = 0, values = 0;
  for (int group = 0; group < options.groups; group++) {
    strips_of[group] = make_strips(rows, view, options.dense, group * group_rows,
                                   (group + 1) * group_rows, options.mr);
    for (const Strip& strip : strips_of[group]) {
      blocks += strip.weight;
      values += strip.weight * strip.mr;
    }
  }
  out->offsets = AlignedArray<int32_t>(blocks);
  out->values = AlignedArray<float>(values);
  out->macs_per_position = values;
  Cursor at;
  for (int group = 0; group < options.groups; group++) {
    const std::vector<Strip>& strips = strips_of[group];
    const std::vector<size_t> cuts = cut_parts(strips, options.parts);
    for (int part = 0; part < options.parts; part++) {
      const size_t begin = cuts[part], end = cuts[part + 1];
      RowRange range;
      if (begin < end) range = {strips[begin].row, strips[end - 1].row + strips[end - 1].mr};
      out->part_rows.push_back(range);
      std::vector<Bucket> buckets[4];  // by log2(mr), then by block
      for (size_t i = begin; i < end; i++) {
        const Strip& strip = strips[i];
        const int level = strip.mr == 8 ? 3 : strip.mr == 4 ? 2 : strip.mr - 1;
        std::vector<Bucket>& by_block = buckets[level];
        if (by_block.empty()) {
          by_block.resize(options.blocks);
          // About what a block gets where columns are alike; more just grows.
          const int64_t share = blocks / (int64_t{options.groups} * options.parts * options.blocks);
          for (Bucket& bucket : by_block) {
            bucket.rows.reserve(end - begin);
            bucket.counts.reserve(end - begin);
            bucket.offsets.reserve(share + share / 8);
            bucket.values.reserve((share + share / 8) * strip.mr);
          }
        }
        for (Bucket& bucket : by_block) {
          bucket.rows.push_back(strip.row);
          bucket.counts.push_back(0);
        }
        visit_strip(rows, view, options.dense, strip, [&](int32_t column, const float* values) {
          Bucket& bucket = by_block[options.block_of_column[column]];
          bucket.counts.back()++;
          bucket.offsets.push_back(options.offset_of_column[column]);
          bucket.values.insert(bucket.values.end(), values, values + strip.mr);
        });
      }
      for (int block = 0; block < options.blocks; block++) {
        for (int level = 3; level >= 0; level--) {
          if (buckets[level].empty()) continue;
          const bool edge = block == 0 || block == options.blocks - 1;
          append_segment(buckets[level][block], 1 << level, edge, out, &at);
          buckets[level][block] = Bucket();
        }
        out->segment_at.push_back(static_cast<int32_t>(out->segments.size()));
      }
    }
  }
}

int64_t strip_macs(const SparseRows& rows, int groups, int mr) {
  const WeightView none;
  const int32_t group_rows = static_cast<int32_t>(rows.rows / groups);
  int64_t macs = 0;
  for (int group = 0; group < groups; group++) {
    for (const Strip& s :
         make_strips(rows, none, false, group * group_rows, (group + 1) * group_rows, mr)) {
      macs += s.weight * s.mr;
    }
  }
  return macs;
}

}  // namespace secateur
