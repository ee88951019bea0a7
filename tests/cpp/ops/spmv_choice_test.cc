// Which form a matrix that is multiplied again and again is packed for: the fewest instructions, on
// each instruction set.
#include "ops/common/spmv_choice.h"

#include <gtest/gtest.h>

#include "../pack/encode.h"

namespace secateur {
namespace {

SparseRows blocks(int64_t rows, int64_t cols, int block_rows, double sparsity) {
  std::mt19937 rng(7);
  const std::vector<float> w = testing::random_blocks(rows, cols, block_rows, 1, sparsity, &rng);
  return decode_weight(testing::encode_csr(w, rows, cols).view);
}

class SpmvChoiceOf : public ::testing::TestWithParam<Isa> {
 protected:
  Machine machine() const {
    Machine m = machine_of(GetParam());
    m.l2_bytes = 1 << 20;
    return m;
  }
  SpmvForm form(const SparseRows& rows, int groups = 1) const {
    return choose_spmv(rows, groups, machine()).kernel->form;
  }
  bool permutes() const { return find_spmv(GetParam(), SpmvForm::window, 64) != nullptr; }
};

TEST_P(SpmvChoiceOf, DenseWhereZerosAreTooFewToBeWorthIt) {
  for (const int64_t hidden : {64, 130}) {
    EXPECT_EQ(form(blocks(3 * hidden, hidden, 1, 0.0)), SpmvForm::dense);
    EXPECT_EQ(form(blocks(3 * hidden, hidden, 1, 0.3)), SpmvForm::dense);
  }
}

TEST_P(SpmvChoiceOf, SingleWeights) {
  const SpmvForm sparse = permutes() ? SpmvForm::window : SpmvForm::sell;
  EXPECT_EQ(form(blocks(512, 128, 1, 0.9)), sparse);
  EXPECT_EQ(form(blocks(512, 128, 1, 0.9), 4), sparse);
}

// Rows of unlike lengths are sorted, those alike stay where they are.
TEST_P(SpmvChoiceOf, WindowsInOrderOrSorted) {
  if (!permutes()) GTEST_SKIP() << "no permutation of floats";
  EXPECT_TRUE(choose_spmv(blocks(1024, 256, 1, 0.9), 1, machine()).in_order);
  std::mt19937 rng(7);
  std::vector<float> w = testing::random_blocks(1024, 256, 1, 1, 0.97, &rng);
  const std::vector<float> longer = testing::random_blocks(1024, 256, 1, 1, 0.6, &rng);
  for (int64_t r = 0; r < 1024; r += 16) {
    std::copy_n(longer.begin() + r * 256, 256, w.begin() + r * 256);
  }
  const SparseRows rows = decode_weight(testing::encode_csr(w, 1024, 256).view);
  EXPECT_FALSE(choose_spmv(rows, 1, machine()).in_order);
}

TEST_P(SpmvChoiceOf, BlocksOfRowsAndDeadColumns) {
  EXPECT_EQ(form(blocks(512, 128, 32, 0.9)), SpmvForm::shared);
  std::mt19937 rng(7);
  std::vector<float> w = testing::random_blocks(512, 128, 1, 1, 0.0, &rng);
  for (size_t i = 0; i < w.size(); i++) w[i] = i % 2 ? 0.0f : 1.0f;
  EXPECT_EQ(form(decode_weight(testing::encode_csr(w, 512, 128).view)), SpmvForm::shared);
}

// What no cache holds comes from memory at every step: the fewest bytes.
TEST_P(SpmvChoiceOf, BytesWhereTheSecondLevelDoesNotHoldThem) {
  Machine small = machine();
  const SparseRows rows = blocks(512, 128, 1, 0.72);
  const SpmvForm held = choose_spmv(rows, 1, small).kernel->form;
  small.l2_bytes = 1;
  const SpmvForm far = choose_spmv(rows, 1, small).kernel->form;
  EXPECT_NE(far, SpmvForm::dense);
  if (GetParam() == Isa::avx2) {
    EXPECT_EQ(held, SpmvForm::dense);
  }
}

// Columns beyond u16 are left to the forms that cut them into blocks.
TEST_P(SpmvChoiceOf, ManyColumns) {
  const SpmvForm chosen = form(blocks(4, 70'000, 1, 0.9));
  EXPECT_TRUE(chosen == SpmvForm::sell || chosen == SpmvForm::dense);
}

INSTANTIATE_TEST_SUITE_P(Isas, SpmvChoiceOf, ::testing::ValuesIn([] {
                           std::vector<Isa> isas;
                           for (Isa isa : kAllIsas) {
                             if (isa_usable(isa)) isas.push_back(isa);
                           }
                           return isas;
                         }()),
                         [](const auto& info) { return isa_name(info.param); });

}  // namespace
}  // namespace secateur
