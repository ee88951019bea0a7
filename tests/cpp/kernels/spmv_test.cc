// Every row of kernels/spmv/kernels.inc that this CPU runs, through the production packer, against
// plain sums in double.
#include "kernels/spmv/spmv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "../pack/encode.h"
#include "pack/spmv_pack.h"

namespace secateur {
namespace {

void check(const SpmvKernel& kernel, int64_t rows, int64_t cols, double sparsity, bool clamp) {
  SCOPED_TRACE(spmv_name(kernel) + " " + std::to_string(rows) + "x" + std::to_string(cols) +
               " sparsity " + std::to_string(sparsity));
  std::mt19937 rng(static_cast<unsigned>(rows + cols));
  const std::vector<float> w = testing::random_blocks(rows, cols, 1, 1, sparsity, &rng);
  const bool dense = kernel.form == SpmvForm::dense;
  const testing::Encoded encoded =
      dense ? testing::encode_dense(w, rows, cols) : testing::encode_csr(w, rows, cols);
  const SparseRows sparse = decode_weight(encoded.view);
  SpmvWeights packed;
  pack_spmv(sparse, encoded.view, dense, kernel.lanes, 1, nullptr, &packed);
  ASSERT_EQ(packed.blocks, 1);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> x(cols + 1), y(rows), bias(rows), residual(rows);
  for (int64_t i = 0; i < cols; i++) x[i] = uniform(rng);
  x[cols] = 0.0f;
  for (int64_t i = 0; i < rows; i++) {
    bias[i] = uniform(rng);
    residual[i] = uniform(rng);
  }
  for (bool accumulate : {false, true}) {
    std::vector<float> before(rows);
    for (float& v : before) v = uniform(rng);
    y = before;
    SpmvArgs args{};
    args.slices = packed.slice_at[1];
    args.depth = packed.depth.data();
    args.columns = packed.columns.data();
    args.values = packed.values.data();
    args.rows = packed.rows.data();
    args.x = x.data();
    args.y = y.data();
    args.bias = bias.data();
    args.residual = residual.data();
    args.accumulate = accumulate;
    args.clamp = clamp;
    args.lo = -0.5f;
    args.hi = 1.0f;
    kernel.fn(args);
    for (int64_t r = 0; r < rows; r++) {
      double want = accumulate ? before[r] : double{bias[r]} + residual[r];
      double magnitude =
          accumulate ? std::fabs(before[r]) : std::fabs(bias[r]) + std::fabs(residual[r]);
      for (int64_t c = 0; c < cols; c++) {
        want += double{w[r * cols + c]} * x[c];
        magnitude += std::fabs(double{w[r * cols + c]} * x[c]);
      }
      if (clamp) want = std::min(std::max(want, -0.5), 1.0);
      const double terms = static_cast<double>(cols) + 3;
      ASSERT_NEAR(y[r], want, terms * std::ldexp(1.0, -24) * magnitude + 1e-30) << "row " << r;
    }
  }
}

TEST(Spmv, EveryKernelOfTheList) {
  int count = 0;
  const SpmvKernel* kernels = spmv_kernels(&count);
  for (int i = 0; i < count; i++) {
    if (!isa_usable(kernels[i].isa)) continue;
    for (int64_t rows : {1, 3, 4, 5, 15, 16, 17, 63, 65, 129}) {
      for (int64_t cols : {1, 2, 7, 64, 131}) {
        for (double sparsity : {0.0, 0.7, 1.0}) check(kernels[i], rows, cols, sparsity, cols == 7);
      }
    }
  }
}

TEST(Spmv, EveryIsaHasBothForms) {
  for (Isa isa : kAllIsas) {
    if (!isa_compiled(isa)) continue;
    for (SpmvForm form : {SpmvForm::sell, SpmvForm::dense}) {
      const SpmvKernel* found = find_spmv(isa, form, 1);
      ASSERT_NE(found, nullptr) << isa_name(isa);
      EXPECT_EQ(found->form, form);
      EXPECT_TRUE(Features(isa).meets(found->isa));
    }
  }
}

}  // namespace
}  // namespace secateur
