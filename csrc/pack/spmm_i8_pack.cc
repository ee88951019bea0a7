#include "pack/spmm_i8_pack.h"

#include <algorithm>
#include <numeric>

namespace secateur {
namespace {

// Calls visit(column, values[mr]) for each column in which one of the rows [row, end) has a block,
// end <= row + mr; rows from `end` on have none.
template <typename Visit>
void visit_strip(const QuadRows& rows, int64_t row, int64_t end, int mr, Visit&& visit) {
  int64_t at[4] = {}, stop[4] = {};
  for (int m = 0; m < mr && row + m < end; m++) {
    at[m] = rows.indptr[row + m];
    stop[m] = rows.indptr[row + m + 1];
  }
  for (;;) {
    int32_t column = INT32_MAX;
    for (int m = 0; m < mr; m++) {
      if (at[m] < stop[m]) column = std::min(column, rows.columns[at[m]]);
    }
    if (column == INT32_MAX) return;
    int32_t values[4] = {};
    for (int m = 0; m < mr; m++) {
      if (at[m] < stop[m] && rows.columns[at[m]] == column) values[m] = rows.values[at[m]++];
    }
    visit(column, values);
  }
}

// One (group, part, block of columns) while it is packed, its quads in the order of their rows.
struct Pieces {
  std::vector<int32_t> counts;  // [quads][4 / mr]
  std::vector<int32_t> offsets, values;
};

class Packer {
 public:
  Packer(const QuadRows& rows, const SpmmI8PackOptions& options, SpmmI8Weights* out)
      : rows_(rows), options_(options), out_(out), strips_(4 / options.mr) {}

  // The quads [begin, end) of a group.
  void pack(int64_t group, int64_t begin, int64_t end) {
    const int64_t first_row = group * options_.groups.rows;
    const int64_t end_row = first_row + options_.groups.rows;
    std::vector<Pieces> pieces(static_cast<size_t>(options_.blocks));
    for (Pieces& p : pieces) p.counts.assign(static_cast<size_t>((end - begin) * strips_), 0);
    size_t strip = 0;
    for (int64_t quad = begin; quad < end; quad++) {
      for (int s = 0; s < strips_; s++, strip++) {
        const int64_t row = first_row + quad * 4 + s * options_.mr;
        visit_strip(rows_, std::min(row, end_row), end_row, options_.mr,
                    [&](int32_t column, const int32_t* values) {
                      Pieces& p = pieces[options_.block_of_column[column]];
                      p.counts[strip]++;
                      p.offsets.push_back(options_.offset_of_column[column]);
                      p.values.insert(p.values.end(), values, values + options_.mr);
                    });
      }
    }
    const auto quads = static_cast<int32_t>(group * options_.groups.row_quads);
    out_->part_quads.push_back(
        {quads + static_cast<int32_t>(begin), quads + static_cast<int32_t>(end)});
    for (int block = 0; block < options_.blocks; block++) {
      const bool edge = block == 0 || block == options_.blocks - 1;
      append(pieces[block], quads + static_cast<int32_t>(begin), edge);
    }
  }

 private:
  // Quads ordered by their blocks, so that the trip counts of inner loops change rarely; those with
  // nothing to add are left out of blocks in the middle.
  void append(const Pieces& p, int32_t first_quad, bool edge) {
    const auto count = static_cast<int32_t>(p.counts.size()) / strips_;
    std::vector<int32_t> starts{0};
    std::vector<int64_t> order;  // blocks, then the quad
    for (int32_t q = 0; q < count; q++) {
      const int32_t* counts = p.counts.data() + int64_t{q} * strips_;
      const int32_t blocks = std::accumulate(counts, counts + strips_, 0);
      starts.push_back(starts.back() + blocks);
      if (edge || blocks > 0) order.push_back(int64_t{blocks} << 32 | q);
    }
    std::sort(order.begin(), order.end());
    SpmmI8Segment segment;
    segment.quads = static_cast<int64_t>(order.size());
    segment.indptr_at = static_cast<int64_t>(out_->indptr.size());
    segment.rows_at = static_cast<int64_t>(out_->rows.size());
    segment.blocks_at = at_;
    out_->segments.push_back(segment);
    int32_t blocks = 0;
    out_->indptr.push_back(0);
    for (const int64_t entry : order) {
      const auto q = static_cast<int32_t>(entry & INT32_MAX);
      out_->rows.push_back(first_quad + q);
      for (int s = 0; s < strips_; s++) {
        blocks += p.counts[int64_t{q} * strips_ + s];
        out_->indptr.push_back(blocks);
      }
      for (int32_t i = starts[q]; i < starts[q + 1]; i++) {
        place_block(p.offsets[i], p.values.data() + int64_t{i} * options_.mr);
      }
    }
  }

  void place_block(int32_t offset, const int32_t* values) {
    if (options_.shift >= 0) {
      out_->codes[at_] = static_cast<uint16_t>(offset >> options_.shift);
    } else {
      out_->offsets[at_] = offset;
    }
    std::copy(values, values + options_.mr, out_->values.data() + at_ * options_.mr);
    at_++;
  }

  const QuadRows& rows_;
  const SpmmI8PackOptions& options_;
  SpmmI8Weights* out_;
  int strips_;
  int64_t at_ = 0;
};

// Cuts the quads of a group into `parts` runs of about as many blocks: [parts + 1].
std::vector<int64_t> cut_quads(const QuadRows& rows, const QuadGroups& g, int64_t group,
                               int parts) {
  const auto blocks_before = [&](int64_t quad) {
    const int64_t row = group * g.rows + std::min(quad * 4, g.rows);
    return rows.indptr[row] - rows.indptr[group * g.rows] + 8 * quad;
  };
  std::vector<int64_t> cuts{0};
  for (int part = 1; part < parts; part++) {
    int64_t quad = cuts.back();
    while (quad < g.row_quads && (blocks_before(quad) + blocks_before(quad + 1)) / 2 * parts <
                                     blocks_before(g.row_quads) * part) {
      quad++;
    }
    cuts.push_back(quad);
  }
  cuts.push_back(g.row_quads);
  return cuts;
}

}  // namespace

int64_t strip_blocks(const QuadRows& rows, const QuadGroups& g, int mr) {
  int64_t blocks = 0;
  for (int64_t group = 0; group < g.groups; group++) {
    const int64_t end = (group + 1) * g.rows;
    for (int64_t row = group * g.rows; row < end; row += mr) {
      visit_strip(rows, row, end, mr, [&](int32_t, const int32_t*) { blocks++; });
    }
  }
  return blocks;
}

void pack_spmm_i8(const QuadRows& rows, const SpmmI8PackOptions& options, SpmmI8Weights* out) {
  *out = SpmmI8Weights();
  const QuadGroups& g = options.groups;
  out->groups = g.groups;
  out->parts = options.parts;
  out->blocks = options.blocks;
  out->mr = options.mr;
  const int64_t blocks = strip_blocks(rows, g, options.mr);
  out->values = AlignedArray<int32_t>(blocks * options.mr, options.memory);
  if (options.shift >= 0) {
    out->codes = AlignedArray<uint16_t>(blocks, options.memory);
  } else {
    out->offsets = AlignedArray<int32_t>(blocks, options.memory);
  }
  out->macs_per_position = blocks * options.mr * 4;
  out->sums.assign(static_cast<size_t>(g.groups * g.row_quads * 4), 0);
  Packer packer(rows, options, out);
  for (int64_t group = 0; group < g.groups; group++) {
    for (int64_t row = 0; row < g.rows; row++) {
      out->sums[group * g.row_quads * 4 + row] = rows.sums[group * g.rows + row];
    }
    const std::vector<int64_t> cuts = cut_quads(rows, g, group, options.parts);
    for (int part = 0; part < options.parts; part++) {
      packer.pack(group, cuts[part], cuts[part + 1]);
    }
  }
  out->indptr.shrink_to_fit();
  out->rows.shrink_to_fit();
}

}  // namespace secateur
