#include "pack/spmm_pack_pairs.h"

#include <algorithm>

namespace secateur {

// The streams behind a place, which moves on with what is written. Pointers of its own, so that
// they stay in registers.
class PairPacker::Streams {
 public:
  Streams(const SpmmPackOptions& options, SpmmWeights* out, StreamPlace* place)
      : offsets_(options.offset_of_column),
        shift_(options.shift),
        place_(place),
        first_code_(out->codes.data() + place->blocks),
        first_value_(out->values.data() + place->values),
        code_(first_code_),
        value_(first_value_) {}
  ~Streams() {
    place_->blocks += code_ - first_code_;
    place_->values += value_ - first_value_;
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  void code(int32_t column) { *code_++ = static_cast<uint16_t>(offsets_[column] >> shift_); }
  void value(float value) { *value_++ = value; }

 private:
  const int32_t* offsets_;
  int shift_;
  StreamPlace* place_;
  uint16_t* first_code_;
  float* first_value_;
  uint16_t* code_;
  float* value_;
};

PairPacker::PairPacker(const SparseRows& rows, const SpmmPackOptions& options)
    : rows_(rows), options_(options), next_(rows.indptr.begin(), rows.indptr.end() - 1) {
  first_column_.assign(static_cast<size_t>(options.blocks) + 1, static_cast<int32_t>(rows.cols));
  for (int32_t column = static_cast<int32_t>(rows.cols); column-- > 0;) {
    first_column_[options.block_of_column[column]] = column;
  }
  // A block without columns begins where the next one does.
  for (int block = options.blocks; block-- > 0;) {
    first_column_[block] = std::min(first_column_[block], first_column_[block + 1]);
    const size_t width = static_cast<size_t>(first_column_[block + 1] - first_column_[block]);
    if (where_.size() < width) where_.resize(width);
  }
  for (auto* places : {&only_a_, &only_b_, &both_a_, &both_b_, &in_both_}) {
    places->resize(where_.size() + 1);
  }
}

void PairPacker::pack(const int32_t* begins, size_t sections, SpmmWeights* out, StreamPlace* at) {
  for (int block = 0; block < options_.blocks; block++) {
    pairs_.clear();
    alone_.clear();
    for (size_t i = 0; i < sections; i++) match(begins[i], begins[i + 1], block);
    write_pairs(first_column_[block], out, at);
    write_alone(out, at);
    out->segment_at.push_back(static_cast<int32_t>(out->segments.size()));
  }
}

// To sort by, so that the lengths of the kernel's three loops change rarely. In this order
// ResNet-50, whose branches the predictor has not seen lately, is 1% faster than by the rows'
// lengths first.
uint64_t PairPacker::lengths(int32_t beyond, int32_t in_common, int32_t count) {
  const auto bits = [](int32_t n) { return static_cast<uint64_t>(n) & 0xfffff; };
  return bits(beyond) << 40 | bits(in_common) << 20 | bits(count);
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
  match_rows(listed_, first_column_[block], end_column, &matched_);
  for (const RowPair& pair : matched_) {
    if (pair.b < 0) {
      alone_.push_back(listed_[pair.a]);
    } else {
      const RowColumns &a = listed_[pair.a], &b = listed_[pair.b];
      pairs_.push_back({lengths(a.count - b.count, pair.in_common, b.count), a, b});
    }
  }
}

void PairPacker::write_pairs(int32_t first_column, SpmmWeights* out, StreamPlace* at) {
  if (pairs_.empty()) return;
  std::stable_sort(pairs_.begin(), pairs_.end(),
                   [](const Pair& p, const Pair& q) { return p.lengths < q.lengths; });
  out->segments.push_back(segment_at(*out, *at, pairs_.size()));
  out->segments.back().mr = 2;
  out->segments.back().pairs = true;
  Streams to(options_, out, at);
  for (const Pair& pair : pairs_) {
    out->rows.push_back(pair.a.row);
    out->rows.push_back(pair.b.row);
    write_pair(pair.a, pair.b, first_column, out, &to);
  }
}

void PairPacker::write_pair(const RowColumns& a, const RowColumns& b, int32_t first_column,
                            SpmmWeights* out, Streams* to) {
  int32_t* where = where_.data();
  for (int32_t j = 0; j < b.count; j++) where[b.columns[j] - first_column] = j + 1;
  // Every list is written in each turn and only counted up where it was meant: no branch depends on
  // the columns.
  int32_t *only_a = only_a_.data(), *only_b = only_b_.data();
  int32_t *both_a = both_a_.data(), *both_b = both_b_.data(), *in_both = in_both_.data();
  int32_t in_a = 0, in_b = 0, both = 0;
  for (int32_t i = 0; i < a.count; i++) {
    const int32_t j = where[a.columns[i] - first_column];
    only_a[in_a] = both_a[both] = i;
    both_b[both] = j - 1;
    in_both[j] = 1;
    both += j != 0;
    in_a += j == 0;
  }
  for (int32_t j = 0; j < b.count; j++) {
    only_b[in_b] = j;
    in_b += in_both[j + 1] == 0;
    in_both[j + 1] = where[b.columns[j] - first_column] = 0;
  }
  const float *value_a = values_of(a), *value_b = values_of(b);
  for (int32_t k = 0; k < both; k++) {
    to->code(a.columns[both_a[k]]);
    to->value(value_a[both_a[k]]);
    to->value(value_b[both_b[k]]);
  }
  for (int32_t k = 0; k < in_b; k++) {
    to->code(a.columns[only_a[k]]);
    to->code(b.columns[only_b[k]]);
    to->value(value_a[only_a[k]]);
    to->value(value_b[only_b[k]]);
  }
  for (int32_t k = in_b; k < in_a; k++) {
    to->code(a.columns[only_a[k]]);
    to->value(value_a[only_a[k]]);
  }
  out->counts.insert(out->counts.end(), {both, in_b, in_a - in_b});
}

void PairPacker::write_alone(SpmmWeights* out, StreamPlace* at) {
  if (alone_.empty()) return;
  std::stable_sort(alone_.begin(), alone_.end(),
                   [](const RowColumns& a, const RowColumns& b) { return a.count < b.count; });
  out->segments.push_back(segment_at(*out, *at, alone_.size()));
  out->indptr.push_back(0);
  Streams to(options_, out, at);
  for (const RowColumns& row : alone_) {
    const float* values = values_of(row);
    for (int32_t i = 0; i < row.count; i++) {
      to.code(row.columns[i]);
      to.value(values[i]);
    }
    out->rows.push_back(row.row);
    out->indptr.push_back(out->indptr.back() + row.count);
  }
}

const float* PairPacker::values_of(const RowColumns& row) const {
  return rows_.values.data() + (row.columns - rows_.indices.data());
}

}  // namespace secateur
