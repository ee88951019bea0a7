#include "pack/row_pairs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

// Every CPU that runs the kernels for pairs counts bits in one instruction.
#if defined(__x86_64__)
#define SCT_COUNTS_BITS __attribute__((target("popcnt")))
#else
#define SCT_COUNTS_BITS
#endif

namespace secateur {
namespace {

constexpr int kSignatureWords = 4;
constexpr int32_t kMostBeyond = 8;   // columns that a may have more than b
constexpr size_t kCandidates = 32;   // rows next to it by count that a row is compared with
constexpr int64_t kFewestRows = 40;  // of a section, unless there are no more

// A bit for each column, modulo 256.
using Signature = std::array<uint64_t, kSignatureWords>;

// Rows by ascending number of columns, with what is compared.
struct Candidate {
  Signature bits;
  int32_t count, listed;
};

// Word by word in a register: in memory each column would wait for the one before.
template <int kWords>
Signature signature_of(const RowColumns& row, int32_t first_column) {
  uint64_t words[kWords] = {};
  for (int32_t i = 0; i < row.count; i++) {
    const uint32_t at = static_cast<uint32_t>(row.columns[i] - first_column);
    const uint64_t bit = uint64_t{1} << at % 64;
    for (int w = 0; w < kWords; w++) words[w] |= at / 64 % kWords == uint32_t(w) ? bit : 0;
  }
  Signature bits{};
  std::copy(words, words + kWords, bits.begin());
  return bits;
}

template <int kWords>
std::vector<Candidate> by_count(const std::vector<RowColumns>& rows, int32_t first_column) {
  std::vector<uint64_t> order(rows.size());
  for (size_t i = 0; i < rows.size(); i++) {
    order[i] = static_cast<uint64_t>(rows[i].count) << 32 | i;
  }
  std::sort(order.begin(), order.end());
  std::vector<Candidate> candidates(rows.size());
  for (size_t i = 0; i < rows.size(); i++) {
    const int32_t listed = static_cast<int32_t>(order[i] & 0xffffffff);
    candidates[i] = {signature_of<kWords>(rows[listed], first_column), rows[listed].count, listed};
  }
  return candidates;
}

struct Partner {
  size_t at;
  int32_t in_common;
};

// Of the candidates `left`, for the last one: what a load saved is worth is two of what a column
// that has no counterpart costs. The last itself if there is nobody. kWords: of the signatures, the
// rest being empty.
template <int kWords>
SCT_COUNTS_BITS Partner best_partner(const std::vector<Candidate>& candidates,
                                     const std::vector<uint32_t>& left) {
  const size_t last = left.size() - 1;
  const Candidate& a = candidates[left[last]];
  Partner best{last, 0};
  int32_t best_gain = INT32_MIN;
  const size_t first = last - std::min(last, kCandidates);
  for (size_t k = last; k-- > first;) {
    const Candidate& b = candidates[left[k]];
    const int32_t beyond = a.count - b.count;
    if (beyond > kMostBeyond) break;
    int32_t in_common = 0;
    for (int w = 0; w < kWords; w++) in_common += __builtin_popcountll(a.bits[w] & b.bits[w]);
    const int32_t gain = 2 * in_common - beyond;
    if (gain <= best_gain) continue;
    best_gain = gain;
    best = {k, std::min(in_common, b.count)};
  }
  return best;
}

template <int kWords>
void match(const std::vector<RowColumns>& rows, int32_t first_column, std::vector<RowPair>* pairs) {
  const std::vector<Candidate> candidates = by_count<kWords>(rows, first_column);
  std::vector<uint32_t> left(rows.size());
  for (size_t i = 0; i < rows.size(); i++) left[i] = static_cast<uint32_t>(i);
  while (!left.empty()) {
    const size_t last = left.size() - 1;
    const Partner partner = best_partner<kWords>(candidates, left);
    const int32_t a = candidates[left[last]].listed;
    if (partner.at == last) {
      pairs->push_back({a, -1, 0});
    } else {
      pairs->push_back({a, candidates[left[partner.at]].listed, partner.in_common});
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(partner.at));
    }
    left.pop_back();
  }
}

}  // namespace

void match_rows(const std::vector<RowColumns>& rows, int32_t first_column, int32_t end_column,
                std::vector<RowPair>* pairs) {
  const bool narrow = end_column - first_column <= 128;
  (narrow ? match<2> : match<kSignatureWords>)(rows, first_column, pairs);
}

int64_t pair_sections(int64_t rows) {
  int64_t sections = 1;
  while (rows / (2 * sections) >= kFewestRows) sections *= 2;
  return sections;
}

InCommon::InCommon(int64_t rows) {
  const double section = static_cast<double>(rows) / static_cast<double>(pair_sections(rows));
  deviations_ = 0.62 * std::sqrt(2 * std::log(std::max(section, 2.0)));
}

double InCommon::columns(double count, double of) const {
  const double density = count / of, random = count * density;
  return std::min(count, random + deviations_ * std::sqrt(random) * (1 - density));
}

}  // namespace secateur
