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

// A bit for each column, modulo 256.
using Signature = std::array<uint64_t, 4>;

constexpr int32_t kMostBeyond = 8;   // columns that a may have more than b
constexpr int64_t kFewestRows = 40;  // of a section, unless there are no more

Signature signature_of(const RowColumns& row, int32_t first_column) {
  Signature bits{};
  for (int32_t i = 0; i < row.count; i++) {
    const uint32_t at = static_cast<uint32_t>(row.columns[i] - first_column);
    bits[at / 64 % 4] |= uint64_t{1} << at % 64;
  }
  return bits;
}

// Rows by ascending number of columns, with what is compared.
struct Candidate {
  Signature bits;
  int32_t count, listed;
};

struct Partner {
  size_t at;
  int32_t in_common;
};

// For the last candidate, of those before it: what a load saved is worth is two of what a column
// that has no counterpart costs. `last` itself if there is nobody.
SCT_COUNTS_BITS Partner best_partner(const std::vector<Candidate>& candidates, size_t last) {
  const Candidate& a = candidates[last];
  Partner best{last, 0};
  int32_t best_gain = INT32_MIN;
  for (size_t k = last; k-- > 0;) {
    const Candidate& b = candidates[k];
    const int32_t beyond = a.count - b.count;
    if (beyond > kMostBeyond) break;
    int32_t in_common = 0;
    for (size_t w = 0; w < a.bits.size(); w++) {
      in_common += __builtin_popcountll(a.bits[w] & b.bits[w]);
    }
    const int32_t gain = 2 * in_common - beyond;
    if (gain <= best_gain) continue;
    best_gain = gain;
    best = {k, std::min(in_common, b.count)};
  }
  return best;
}

}  // namespace

void match_rows(const std::vector<RowColumns>& rows, int32_t first_column,
                std::vector<RowPair>* pairs) {
  std::vector<Candidate> left;
  left.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); i++) {
    left.push_back({signature_of(rows[i], first_column), rows[i].count, static_cast<int32_t>(i)});
  }
  std::stable_sort(left.begin(), left.end(),
                   [](const Candidate& a, const Candidate& b) { return a.count < b.count; });
  while (!left.empty()) {
    const size_t last = left.size() - 1;
    const Partner partner = best_partner(left, last);
    const int32_t a = left[last].listed;
    left.pop_back();
    if (partner.at == last) {
      pairs->push_back({a, -1, 0});
      continue;
    }
    pairs->push_back({a, left[partner.at].listed, partner.in_common});
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(partner.at));
  }
}

int64_t pair_sections(int64_t rows) {
  int64_t sections = 1;
  while (rows / (2 * sections) >= kFewestRows) sections *= 2;
  return sections;
}

double columns_in_common(double count, double columns, int64_t rows) {
  const double section = static_cast<double>(rows) / static_cast<double>(pair_sections(rows));
  const double density = count / columns;
  const double random = count * density;
  const double best = 0.62 * std::sqrt(2 * std::log(std::max(section, 2.0)));
  return std::min(count, random + best * std::sqrt(random) * (1 - density));
}

}  // namespace secateur
