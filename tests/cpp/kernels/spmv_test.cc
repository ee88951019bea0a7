// Every row of kernels/spmv/kernels.inc that this CPU runs, through the production packer, against
// plain sums in double.
#include "kernels/spmv/spmv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "../pack/encode.h"
#include "pack/spmv_slices.h"

namespace secateur {
namespace {

SpmvLayout layout_of(const SpmvKernel& kernel, bool in_order) {
  const bool window = kernel.form == SpmvForm::window;
  return {kernel.form, kernel.lanes, window ? kernel.window() : 1, in_order};
}

// x as the kernel reads it, of `cols` values.
std::vector<float> laid_out(const SpmvKernel& kernel, const std::vector<float>& x, int64_t cols) {
  if (kernel.form != SpmvForm::window) {
    std::vector<float> out(x.begin(), x.begin() + cols);
    out.push_back(0.0f);  // where padding of sell looks
    return out;
  }
  std::vector<float> out(static_cast<size_t>(layout_of(kernel, true).vector_floats(cols)));
  for (int64_t i = 0; i < cols; i++) out[i + i / (kernel.window() - 1)] = x[i];
  return out;
}

SpmvWeights pack(const SpmvKernel& kernel, const SparseRows& sparse, const WeightView& view,
                 bool in_order, int parts = 1) {
  SpmvWeights packed;
  if (kernel.form == SpmvForm::sell || kernel.form == SpmvForm::dense) {
    pack_spmv(sparse, view, kernel.form == SpmvForm::dense, kernel.lanes, parts, nullptr, &packed);
  } else {
    pack_spmv_slices(sparse, layout_of(kernel, in_order), parts, nullptr, &packed);
  }
  return packed;
}

void check(const SpmvKernel& kernel, int64_t rows, int64_t cols, double sparsity, bool clamp,
           bool in_order = true) {
  SCOPED_TRACE(spmv_name(kernel) + " " + std::to_string(rows) + "x" + std::to_string(cols) +
               " sparsity " + std::to_string(sparsity));
  std::mt19937 rng(static_cast<unsigned>(rows + cols));
  const std::vector<float> w = testing::random_blocks(rows, cols, 1, 1, sparsity, &rng);
  const bool dense = kernel.form == SpmvForm::dense;
  const testing::Encoded encoded =
      dense ? testing::encode_dense(w, rows, cols) : testing::encode_csr(w, rows, cols);
  const SparseRows sparse = decode_weight(encoded.view);
  const SpmvWeights packed = pack(kernel, sparse, encoded.view, in_order);
  ASSERT_EQ(packed.blocks, 1);
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> x(cols), y(rows), bias(rows), residual(rows);
  for (int64_t i = 0; i < cols; i++) x[i] = uniform(rng);
  const std::vector<float> read = laid_out(kernel, x, cols);
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
    args.picks = packed.picks.data();
    args.in_order = in_order;
    args.x = read.data();
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
        for (double sparsity : {0.0, 0.7, 1.0}) {
          check(kernels[i], rows, cols, sparsity, cols == 7);
          if (kernels[i].form != SpmvForm::window) continue;
          check(kernels[i], rows, cols, sparsity, cols == 7, false);
        }
      }
    }
  }
}

TEST(Spmv, EveryIsaHasTheFormsThatAreEverywhere) {
  for (Isa isa : kAllIsas) {
    if (!isa_compiled(isa)) continue;
    for (SpmvForm form : {SpmvForm::sell, SpmvForm::dense, SpmvForm::shared}) {
      const SpmvKernel* found = find_spmv(isa, form, 1);
      ASSERT_NE(found, nullptr) << isa_name(isa);
      EXPECT_EQ(found->form, form);
      EXPECT_TRUE(Features(isa).meets(found->isa));
    }
  }
}

// A column that a row does not have reaches it in no form but those that say so: windows pick a
// zero.
TEST(Spmv, WindowsReadNoValueThatNoWeightWants) {
  int count = 0;
  const SpmvKernel* kernels = spmv_kernels(&count);
  for (int i = 0; i < count; i++) {
    const SpmvKernel& k = kernels[i];
    if (k.form != SpmvForm::window || !isa_usable(k.isa)) continue;
    const int64_t rows = 33, cols = 97;
    std::mt19937 rng(1);
    std::vector<float> w = testing::random_blocks(rows, cols, 1, 1, 0.8, &rng);
    for (int64_t r = 0; r < rows; r++) w[r * cols + 50] = r == 7 ? 1.0f : 0.0f;
    const testing::Encoded encoded = testing::encode_csr(w, rows, cols);
    for (bool in_order : {true, false}) {
      const SpmvWeights packed = pack(k, decode_weight(encoded.view), encoded.view, in_order);
      std::vector<float> x(cols, 1.0f), y(rows);
      x[50] = std::numeric_limits<float>::infinity();
      const std::vector<float> read = laid_out(k, x, cols);
      SpmvArgs args{};
      args.slices = packed.slice_at[1];
      args.depth = packed.depth.data();
      args.columns = packed.columns.data();
      args.picks = packed.picks.data();
      args.values = packed.values.data();
      args.rows = packed.rows.data();
      args.in_order = in_order;
      args.x = read.data();
      args.y = y.data();
      k.fn(args);
      for (int64_t r = 0; r < rows; r++) EXPECT_EQ(std::isfinite(y[r]), r != 7) << "row " << r;
    }
  }
}

// A block of rows takes one depth a column, and a dead column none.
TEST(Spmv, SharedSlicesHaveOneDepthForEachColumnOfABlock) {
  std::mt19937 rng(3);
  const int64_t rows = 64, cols = 60;
  const std::vector<float> w = testing::random_blocks(rows, cols, 16, 1, 0.9, &rng);
  const SparseRows sparse = decode_weight(testing::encode_csr(w, rows, cols).view);
  for (int lanes : {4, 8, 16}) {
    EXPECT_EQ(spmv_depths(sparse, {SpmvForm::shared, lanes}) * lanes, sparse.nnz());
  }
}

}  // namespace
}  // namespace secateur
