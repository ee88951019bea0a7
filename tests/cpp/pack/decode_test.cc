// decode_weight: every stored form gives back the matrix it encodes. What contradicts itself is the
// verifier's to refuse (tests/cpp/format/verify_test.cc).
#include "pack/decode.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "encode.h"

namespace secateur {
namespace {

void expect_matrix(const WeightView& view, const std::vector<float>& want) {
  const SparseRows rows = decode_weight(view);
  ASSERT_EQ(rows.indptr.size(), static_cast<size_t>(view.rows + 1));
  std::vector<float> got(want.size(), 0.0f);
  for (int64_t r = 0; r < view.rows; r++) {
    int64_t previous = -1;
    for (int64_t i = rows.indptr[r]; i < rows.indptr[r + 1]; i++) {
      ASSERT_GT(rows.indices[i], previous) << "columns ascend";
      previous = rows.indices[i];
      got[r * view.cols + rows.indices[i]] = rows.values[i];
    }
  }
  EXPECT_EQ(got, want);
  EXPECT_EQ(rows.nnz(), testing::count_nonzeros(want));
}

TEST(Decode, EveryForm) {
  std::mt19937 rng(7);
  for (int64_t rows : {1, 2, 5, 8, 13}) {
    for (int64_t cols : {1, 3, 4, 9, 300}) {
      for (double sparsity : {0.0, 0.6, 1.0}) {
        const std::vector<float> w = testing::random_blocks(rows, cols, 1, 1, sparsity, &rng);
        expect_matrix(testing::encode_dense(w, rows, cols).view, w);
        for (int bits : {8, 16, 32}) {
          if (bits == 8 && cols > 255) continue;
          expect_matrix(testing::encode_csr(w, rows, cols, bits, bits).view, w);
        }
        for (int block : {1, 2, 3, 4, 16}) {
          for (int width : {1, 2, 4}) {
            expect_matrix(
                testing::encode_blocks(w, rows, cols, block, width, WeightFormat::bsr).view, w);
          }
        }
      }
      for (int n : {1, 2}) {
        const std::vector<float> w = testing::random_nm(rows, cols, n, 4, &rng);
        expect_matrix(testing::encode_nm(w, rows, cols, n, 4).view, w);
      }
    }
  }
}

// Nothing keeps a file from storing zeros: no multiplication is left for them. NaN is no zero.
TEST(Decode, StoredZerosAreDropped) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (int bits : {8, 16, 32}) {
    // Rows of two, none, three and one entries.
    testing::Encoded e =
        testing::encode_csr({1, 0, 2, 0, 0, 0, 3, 4, 5, 6, 0, 0}, 4, 3, bits, bits);
    ASSERT_EQ(e.values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
    std::copy_n(std::vector<float>{0, 2, -0.0f, nan, 0, 0}.begin(), 6, e.values.begin());
    const SparseRows rows = decode_weight(e.view);
    EXPECT_EQ(rows.indptr, (std::vector<int64_t>{0, 1, 1, 2, 2}));
    EXPECT_EQ(rows.indices, (std::vector<int32_t>{2, 1}));
    ASSERT_EQ(rows.values.size(), 2u);
    EXPECT_EQ(rows.values[0], 2.0f);
    EXPECT_TRUE(std::isnan(rows.values[1]));
  }
}

}  // namespace
}  // namespace secateur
