#include "pack/spmm_pack.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/half.h"
#include "pack/row_pairs.h"
#include "pack/spmm_pack_pairs.h"
#include "pack/stream_place.h"

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

// Cuts a list of pieces of work into `parts` runs of about equal cost: [parts + 1] positions.
std::vector<size_t> cut_parts(const std::vector<int64_t>& costs, int parts) {
  const int64_t total = std::accumulate(costs.begin(), costs.end(), int64_t{0});
  std::vector<size_t> cuts{0};
  int64_t sum = 0;
  size_t i = 0;
  for (int part = 1; part < parts; part++) {
    while (i < costs.size() && (sum + costs[i] / 2) * parts < total * part) sum += costs[i++];
    cuts.push_back(i);
  }
  cuts.push_back(costs.size());
  return cuts;
}

// A strip costs its blocks and, once per K block, its accumulators.
std::vector<size_t> cut_strips(const std::vector<Strip>& strips, int parts) {
  std::vector<int64_t> costs;
  costs.reserve(strips.size());
  for (const Strip& s : strips) costs.push_back((s.weight + 2) * s.mr);
  return cut_parts(costs, parts);
}

// A strip's number of blocks in each K block of columns, [strips][blocks]; once its segment is laid
// out, an entry becomes the place of the strip's next block, counted from the segment's first.
using Counts = std::vector<int32_t>;

// Counters of which mostly one is counted up, again and again: its value is kept out of memory,
// where each count would wait for the one before.
class OneAtATime {
 public:
  explicit OneAtATime(int32_t* counters) : counters_(counters) {}
  ~OneAtATime() { counters_[which_] = value_; }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;

  // The counter's value before it is counted up.
  int32_t next(int32_t which) {
    if (which != which_) {
      counters_[which_] = value_;
      which_ = which;
      value_ = counters_[which];
    }
    return value_++;
  }

 private:
  int32_t* counters_;
  int32_t which_ = 0;
  int32_t value_ = counters_[0];
};

// One (group, part): its strips, cut into K blocks. Two passes over the weights, one to count and
// one to write every value where it belongs, so that packing needs no second copy of them.
class PartPacker {
 public:
  PartPacker(const SparseRows& rows, const WeightView& view, const SpmmPackOptions& options,
             const Strip* strips, size_t count)
      : rows_(rows), view_(view), options_(options), strips_(strips), count_(count) {}

  // Appends the part's segments behind what the streams of `out` hold up to `at`.
  void pack(SpmmWeights* out, StreamPlace* at) {
    const size_t blocks = static_cast<size_t>(options_.blocks);
    counts_.assign(count_ * blocks, 0);
    for (size_t i = 0; i < count_; i++) {
      OneAtATime count(counts_.data() + i * blocks);
      visit_strip(rows_, view_, options_.dense, strips_[i], [&](int32_t column, const float*) {
        count.next(options_.block_of_column[column]);
      });
    }
    origins_.assign(blocks * 4, StreamPlace());
    for (int block = 0; block < options_.blocks; block++) {
      for (int level = 3; level >= 0; level--) lay_out(block, level, out, at);
      out->segment_at.push_back(static_cast<int32_t>(out->segments.size()));
    }
    for (size_t i = 0; i < count_; i++) {
      const int mr = strips_[i].mr;
      const StreamPlace* origins = origins_.data() + strip_level(mr);
      OneAtATime places(counts_.data() + i * blocks);
      visit_strip(rows_, view_, options_.dense, strips_[i],
                  [&](int32_t column, const float* values) {
                    const int32_t block = options_.block_of_column[column];
                    const StreamPlace& origin = origins[block * 4];
                    const int64_t place = places.next(block);
                    place_block(column, origin.blocks + place, out);
                    float* to = out->values.data() + origin.values + place * mr;
                    *to = *values;
                    for (int m = 1; m < mr; m++) to[m] = values[m];
                  });
    }
  }

 private:
  void place_block(int32_t column, int64_t at, SpmmWeights* out) const {
    const int32_t offset = options_.offset_of_column[column];
    if (options_.shift >= 0) {
      out->codes[at] = static_cast<uint16_t>(offset >> options_.shift);
    } else {
      out->offsets[at] = offset;
    }
  }

  // The segment of one height within one block, its strips ordered by count. Strips with nothing to
  // add are left out of blocks in the middle.
  void lay_out(int block, int level, SpmmWeights* out, StreamPlace* at) {
    const bool edge = block == 0 || block == options_.blocks - 1;
    const auto entry = [&](int32_t i) -> int32_t& {
      return counts_[static_cast<size_t>(i) * options_.blocks + block];
    };
    order_.clear();
    for (size_t i = 0; i < count_; i++) {
      const int32_t strip = static_cast<int32_t>(i);
      if (strip_level(strips_[i].mr) == level && (edge || entry(strip) > 0))
        order_.push_back(strip);
    }
    if (order_.empty()) return;
    std::stable_sort(order_.begin(), order_.end(),
                     [&](int32_t a, int32_t b) { return entry(a) < entry(b); });
    SpmmSegment segment = segment_at(*out, *at, order_.size());
    segment.mr = 1 << level;
    origins_[block * 4 + level] = *at;
    int32_t blocks = 0;
    out->indptr.push_back(0);
    for (int32_t i : order_) {
      const int32_t count = entry(i);
      entry(i) = blocks;
      blocks += count;
      out->rows.push_back(strips_[i].row);
      out->indptr.push_back(blocks);
    }
    at->blocks += blocks;
    at->values += int64_t{blocks} * segment.mr;
    out->segments.push_back(segment);
  }

  const SparseRows& rows_;
  const WeightView& view_;
  const SpmmPackOptions& options_;
  const Strip* strips_;
  size_t count_;
  Counts counts_;
  std::vector<StreamPlace> origins_;  // [blocks][4 levels]
  std::vector<int32_t> order_;
};

// Codes last, as they may turn out fewer.
void allocate(int64_t blocks, int64_t values, const SpmmPackOptions& options, SpmmWeights* out) {
  out->values = AlignedArray<float>(values, options.memory);
  if (options.shift >= 0) {
    out->codes = AlignedArray<uint16_t>(blocks, options.memory);
  } else {
    out->offsets = AlignedArray<int32_t>(blocks, options.memory);
  }
  out->macs_per_position = values;
}

void pack_strips(const SparseRows& rows, const WeightView& view, const SpmmPackOptions& options,
                 int32_t group_rows, SpmmWeights* out) {
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
  allocate(blocks, values, options, out);
  StreamPlace at;
  for (const std::vector<Strip>& strips : strips_of) {
    const std::vector<size_t> cuts = cut_strips(strips, options.parts);
    for (int part = 0; part < options.parts; part++) {
      const size_t begin = cuts[part], end = cuts[part + 1];
      RowRange range;
      if (begin < end) range = {strips[begin].row, strips[end - 1].row + strips[end - 1].mr};
      out->part_rows.push_back(range);
      PartPacker(rows, view, options, strips.data() + begin, end - begin).pack(out, &at);
    }
  }
}

void pack_pairs(const SparseRows& rows, const SpmmPackOptions& options, int32_t group_rows,
                SpmmWeights* out) {
  allocate(rows.nnz(), rows.nnz(), options, out);
  PairPacker packer(rows, options);
  const int64_t sections = pair_sections(group_rows);
  StreamPlace at;
  for (int group = 0; group < options.groups; group++) {
    std::vector<int32_t> begins;
    std::vector<int64_t> costs;
    for (int64_t i = 0; i <= sections; i++) {
      begins.push_back(
          static_cast<int32_t>(group * int64_t{group_rows} + group_rows * i / sections));
      if (i == 0) continue;
      const int64_t begin = begins[i - 1], end = begins[i];
      costs.push_back(rows.indptr[end] - rows.indptr[begin] + 2 * (end - begin));
    }
    const std::vector<size_t> cuts = cut_parts(costs, options.parts);
    for (int part = 0; part < options.parts; part++) {
      const size_t first = cuts[part], last = cuts[part + 1];
      RowRange range;
      if (first < last) range = {begins[first], begins[last]};
      out->part_rows.push_back(range);
      packer.pack(begins.data() + first, last - first, out, &at);
    }
  }
  out->codes.cut(static_cast<size_t>(at.blocks), options.memory);
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
  if (kPairsBuilt && options.pairs) {
    pack_pairs(rows, options, group_rows, out);
  } else {
    pack_strips(rows, view, options, group_rows, out);
  }
  out->indptr.shrink_to_fit();
  out->counts.shrink_to_fit();
  out->rows.shrink_to_fit();
}

void pack_spmm(const SparseRows& rows, const WeightView& view, const SpmmPackOptions& options,
               SpmmF16Weights* out) {
  SpmmPackOptions apart = options;  // what is of f32 is soon gone
  apart.memory = nullptr;
  SpmmWeights wide;
  pack_spmm(rows, view, apart, &wide);
  static_cast<SpmmLayout&>(*out) = std::move(static_cast<SpmmLayout&>(wide));
  const AlignedArray<int32_t> offsets = std::move(out->offsets);
  out->offsets = AlignedArray<int32_t>(offsets.size(), options.memory);
  for (size_t i = 0; i < offsets.size(); i++) out->offsets[i] = offsets[i] / 2;
  out->values = AlignedArray<uint16_t>(wide.values.size(), options.memory);
  for (size_t i = 0; i < wide.values.size(); i++) out->values[i] = float_to_half(wide.values[i]);
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
