// Which CSR rows are computed two at a time. A pair's columns in common are read once for both rows
// (kernels/spmm/spmm.h), so rows that share more of them are faster together. Chosen for each block
// of columns anew: of 13 nonzeros in 128 columns two random rows share 1.3, the best of 32 partners
// 3.2. (Tiles of similar rows of a sparse matrix, chosen once for whole rows: "register tiling",
// e.g. Wilkinson, Cheshmi, Dehnavi: Register Tiling for Unstructured Sparsity in Neural Network
// Inference, PLDI 2023.)
#pragma once

#include <cstdint>
#include <vector>

namespace secateur {

// Whether this build has kernels for pairs (kernels/spmm/kernels.inc); without them, none are
// packed and a device carries no code for it.
#if defined(__x86_64__)
inline constexpr bool kPairsBuilt = true;
#else
inline constexpr bool kPairsBuilt = false;
#endif

// A row's columns within one block of columns.
struct RowColumns {
  int32_t row;
  int32_t count;
  const int32_t* columns;  // [count], ascending
};

struct RowPair {
  int32_t a, b;       // as listed; a has at least as many columns; b < 0: nobody was left for a
  int32_t in_common;  // columns; at most the fewer, and more than there are only where blocks are
                      // wider than 256 columns
};

// Appends the pairs of `rows`, greedily, each row from the longest on with the best of those that
// are left. The order of `rows` decides between equals. Columns are from [first_column,
// end_column).
void match_rows(const std::vector<RowColumns>& rows, int32_t first_column, int32_t end_column,
                std::vector<RowPair>* pairs);

// Sections of `rows` rows within which pairs are sought, a number that depends on nothing else:
// threads share sections whole, so that pairs, and with them the order of a row's sum, are the same
// for any number of threads. Section i begins at row rows * i / sections.
int64_t pair_sections(int64_t rows);

// How many columns a pair has in common, on average, where rows' columns are anywhere: what two
// random rows share and 1.8 standard deviations more, as the best of a section of 64 do.
class InCommon {
 public:
  explicit InCommon(int64_t rows);
  // Of two rows with `count` columns each, of `of`.
  double columns(double count, double of) const;

 private:
  double deviations_;
};

}  // namespace secateur
