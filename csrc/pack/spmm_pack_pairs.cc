#include "pack/spmm_pack_pairs.h"

#include <algorithm>
#include <tuple>

namespace secateur {

PairPacker::PairPacker(const SparseRows& rows, const SpmmPackOptions& options)
    : rows_(rows), options_(options), next_(rows.indptr.begin(), rows.indptr.end() - 1) {
  first_column_.assign(static_cast<size_t>(options.blocks) + 1, static_cast<int32_t>(rows.cols));
  for (int32_t column = static_cast<int32_t>(rows.cols); column-- > 0;) {
    first_column_[options.block_of_column[column]] = column;
  }
  // A block without columns begins where the next one does.
  for (int block = options.blocks; block-- > 0;) {
    first_column_[block] = std::min(first_column_[block], first_column_[block + 1]);
  }
}

void PairPacker::pack(const int32_t* begins, size_t sections, SpmmWeights* out, StreamPlace* at) {
  for (int block = 0; block < options_.blocks; block++) {
    pairs_.clear();
    alone_.clear();
    for (size_t i = 0; i < sections; i++) match(begins[i], begins[i + 1], block);
    write_pairs(out, at);
    write_alone(out, at);
    out->segment_at.push_back(static_cast<int32_t>(out->segments.size()));
  }
}

// The pairs of one section. Rows with nothing to add are left out of blocks in the middle.
void PairPacker::match(int32_t begin, int32_t end, int block) {
  const bool edge = block == 0 || block == options_.blocks - 1;
  const int32_t end_column = first_column_[block + 1];
  listed_.clear();
  for (int32_t row = begin; row < end; row++) {
    const int32_t* columns = rows_.indices.data() + next_[row];
    const int64_t most = rows_.indptr[row + 1] - next_[row];
    int32_t count = 0;
    while (count < most && columns[count] < end_column) count++;
    next_[row] += count;
    if (count > 0 || edge) listed_.push_back({row, count, columns});
  }
  matched_.clear();
  match_rows(listed_, first_column_[block], &matched_);
  for (const RowPair& pair : matched_) {
    if (pair.b < 0) {
      alone_.push_back(listed_[pair.a]);
    } else {
      pairs_.push_back({listed_[pair.a], listed_[pair.b], pair.in_common});
    }
  }
}

// By the lengths of the kernel's three loops, so that these change rarely.
void PairPacker::write_pairs(SpmmWeights* out, StreamPlace* at) {
  if (pairs_.empty()) return;
  const auto lengths = [](const Pair& p) {
    return std::make_tuple(p.b.count, p.a.count, p.in_common);
  };
  std::stable_sort(pairs_.begin(), pairs_.end(),
                   [&](const Pair& p, const Pair& q) { return lengths(p) < lengths(q); });
  SpmmSegment segment;
  segment.mr = 2;
  segment.pairs = true;
  segment.strips = static_cast<int64_t>(pairs_.size());
  segment.indptr_at = static_cast<int64_t>(out->indptr.size());
  segment.rows_at = static_cast<int64_t>(out->rows.size());
  segment.blocks_at = at->blocks;
  segment.values_at = at->values;
  out->segments.push_back(segment);
  for (const Pair& pair : pairs_) {
    out->rows.push_back(pair.a.row);
    out->rows.push_back(pair.b.row);
    write_pair(pair.a, pair.b, out, at);
  }
}

void PairPacker::write_pair(const RowColumns& a, const RowColumns& b, SpmmWeights* out,
                            StreamPlace* at) {
  const float *value_a = values_of(a), *value_b = values_of(b);
  only_a_.clear();
  only_b_.clear();
  int32_t i = 0, j = 0;
  while (i < a.count && j < b.count) {
    if (a.columns[i] < b.columns[j]) {
      only_a_.push_back(i++);
    } else if (b.columns[j] < a.columns[i]) {
      only_b_.push_back(j++);
    } else {
      write(a.columns[i], value_a + i, out, at);
      out->values[at->values++] = value_b[j];
      i++;
      j++;
    }
  }
  while (i < a.count) only_a_.push_back(i++);
  while (j < b.count) only_b_.push_back(j++);
  const size_t apart = only_b_.size();
  for (size_t k = 0; k < only_a_.size(); k++) {
    write(a.columns[only_a_[k]], value_a + only_a_[k], out, at);
    if (k < apart) write(b.columns[only_b_[k]], value_b + only_b_[k], out, at);
  }
  out->indptr.push_back(b.count - static_cast<int32_t>(apart));
  out->indptr.push_back(static_cast<int32_t>(apart));
  out->indptr.push_back(static_cast<int32_t>(only_a_.size() - apart));
}

void PairPacker::write_alone(SpmmWeights* out, StreamPlace* at) {
  if (alone_.empty()) return;
  std::stable_sort(alone_.begin(), alone_.end(),
                   [](const RowColumns& a, const RowColumns& b) { return a.count < b.count; });
  SpmmSegment segment;
  segment.strips = static_cast<int64_t>(alone_.size());
  segment.indptr_at = static_cast<int64_t>(out->indptr.size());
  segment.rows_at = static_cast<int64_t>(out->rows.size());
  segment.blocks_at = at->blocks;
  segment.values_at = at->values;
  out->segments.push_back(segment);
  out->indptr.push_back(0);
  for (const RowColumns& row : alone_) {
    const float* values = values_of(row);
    for (int32_t i = 0; i < row.count; i++) write(row.columns[i], values + i, out, at);
    out->rows.push_back(row.row);
    out->indptr.push_back(out->indptr.back() + row.count);
  }
}

// A code and a value.
void PairPacker::write(int32_t column, const float* value, SpmmWeights* out,
                       StreamPlace* at) const {
  const int32_t offset = options_.offset_of_column[column];
  out->codes[at->blocks++] = static_cast<uint16_t>(offset >> options_.shift);
  out->values[at->values++] = *value;
}

const float* PairPacker::values_of(const RowColumns& row) const {
  return rows_.values.data() + (row.columns - rows_.indices.data());
}

}  // namespace secateur
