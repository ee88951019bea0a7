// decode_weight: every stored form gives back the matrix it encodes; a view that contradicts itself
// is refused, never read past its ends.
#include "pack/decode.h"

#include <gtest/gtest.h>

#include "encode.h"

namespace secateur {
namespace {

using testing::Encoded;

void expect_matrix(const WeightView& view, const std::vector<float>& want) {
  SparseRows rows;
  const Status status = decode_weight(view, &rows);
  ASSERT_TRUE(status.ok()) << status.message();
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

Encoded csr() { return testing::encode_csr({0, 1, 0, 2, 3, 0, 0, 0, 4, 0, 5, 6}, 3, 4); }
Encoded nm() { return testing::encode_nm({1, 0, 0, 2, 0, 3, 4, 0}, 2, 4, 2, 4); }

void expect_refused(const Encoded& e) {
  SparseRows rows;
  EXPECT_EQ(decode_weight(e.view, &rows).code(), StatusCode::model_invalid);
}

TEST(Decode, RefusesWhatContradictsItself) {
  Encoded e = csr();
  e.view.values_count--;
  expect_refused(e);
  e = csr();
  e.view.index_count--;
  expect_refused(e);
  e = csr();
  e.view.counts_count--;
  expect_refused(e);
  e = csr();
  e.index[0] = 4;  // a column past the last
  expect_refused(e);
  e = csr();
  e.index[2] = 0;  // the same column twice
  expect_refused(e);
  e = csr();
  e.counts[0] = 200;
  expect_refused(e);
  e = csr();
  e.view.index_bits = 12;
  expect_refused(e);
  e = csr();
  e.view.values = nullptr;
  expect_refused(e);
  e = nm();
  e.index[0] = 4;
  expect_refused(e);
  e = nm();
  e.view.n = 5;
  expect_refused(e);
  e = nm();
  e.view.index_count--;
  expect_refused(e);
  e = testing::encode_dense({1, 2}, 1, 2);
  e.view.values_count = 1;
  expect_refused(e);
  e = testing::encode_dense({1, 2}, 1, 2);
  e.view.rows = -1;
  expect_refused(e);
  e = testing::encode_blocks({1, 2}, 1, 2, 1, 1, WeightFormat::bsr);
  e.view.block_rows = 0;
  expect_refused(e);
}

}  // namespace
}  // namespace secateur
