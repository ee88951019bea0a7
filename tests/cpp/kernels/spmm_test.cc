// Every kernel for adjacent rows of kernels/spmm/kernels.inc that this CPU runs, against plain sums
// in double: strips of 0 to 9 blocks, in any row order, from aligned and misaligned activations,
// first and later K blocks.
#include "kernels/spmm/spmm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace secateur {
namespace {

struct Problem {
  static constexpr int kStrips = 10, kColumns = 13, kShift = 4;
  int mr, nr;
  int64_t stride;
  std::vector<int32_t> indptr{0}, rows, offsets;
  std::vector<uint16_t> codes;
  std::vector<float> values, x, y, residual, bias;
  int64_t misaligned;

  Problem(int mr_in, int nr_in, int64_t misaligned_in)
      : mr(mr_in), nr(nr_in), stride(nr_in + 5), misaligned(misaligned_in) {
    std::mt19937 rng(static_cast<unsigned>(mr * 1000 + nr));
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    for (int s = 0; s < kStrips; s++) {
      rows.push_back((s * 7 % kStrips) * mr);
      for (int j = 0; j < s; j++) {  // 0, 1, ... blocks
        codes.push_back(static_cast<uint16_t>(rng() % kColumns * ((nr + 7) / 4)));
        offsets.push_back(codes.back() << kShift);
        for (int m = 0; m < mr; m++) values.push_back(uniform(rng));
      }
      indptr.push_back(static_cast<int32_t>(offsets.size()));
    }
    auto fill = [&](std::vector<float>* v, int64_t n) {
      for (int64_t i = 0; i < n; i++) v->push_back(uniform(rng));
    };
    fill(&x, kColumns * (nr + 7) + misaligned);
    fill(&y, kStrips * mr * stride);
    fill(&residual, kStrips * mr * stride);
    fill(&bias, kStrips * mr);
  }

  SpmmArgs args(Isa isa) {
    SpmmArgs a{};
    a.strips = kStrips;
    a.indptr = indptr.data();
    a.rows = rows.data();
    if (spmm_takes_offsets(isa)) {
      a.offsets = offsets.data();
    } else {
      a.codes = codes.data();
      a.shift = kShift;
    }
    a.values = values.data();
    a.x = x.data() + misaligned;
    a.y = y.data();
    a.y_stride = stride;
    return a;
  }
};

void check(const SpmmKernel& kernel, bool accumulate, bool bias, bool residual, bool clamp,
           int64_t misaligned) {
  SCOPED_TRACE(spmm_name(kernel) + (accumulate ? " accumulate" : "") + (bias ? " bias" : "") +
               (residual ? " residual" : "") + (clamp ? " clamp" : ""));
  Problem p(kernel.mr, kernel.nr, misaligned);
  const std::vector<float> before = p.y;
  SpmmArgs args = p.args(kernel.isa);
  args.accumulate = accumulate;
  args.bias = bias ? p.bias.data() : nullptr;
  args.residual = residual ? p.residual.data() : nullptr;
  args.clamp = clamp;
  args.lo = -0.25f;
  args.hi = 0.5f;
  kernel.fn(args);
  for (int s = 0; s < Problem::kStrips; s++) {
    for (int m = 0; m < p.mr; m++) {
      const int64_t row = p.rows[s] + m;
      for (int64_t i = 0; i < p.stride; i++) {
        const float got = p.y[row * p.stride + i];
        if (i >= p.nr) {
          ASSERT_EQ(got, before[row * p.stride + i]) << "written past the tile";
          continue;
        }
        double want = 0, magnitude = 0;
        auto add = [&](double term) {
          want += term;
          magnitude += std::fabs(term);
        };
        if (accumulate) {
          add(before[row * p.stride + i]);
        } else {
          if (bias) add(p.bias[row]);
          if (residual) add(p.residual[row * p.stride + i]);
        }
        for (int32_t j = p.indptr[s]; j < p.indptr[s + 1]; j++) {
          add(double{p.values[j * p.mr + m]} * p.x[misaligned + p.offsets[j] / 4 + i]);
        }
        if (clamp) want = std::min(std::max(want, -0.25), 0.5);
        ASSERT_NEAR(got, want, 16 * std::ldexp(1.0, -24) * magnitude)
            << "row " << row << " position " << i;
      }
    }
  }
}

TEST(Spmm, EveryKernelOfTheList) {
  int count = 0, run = 0;
  const SpmmKernel* kernels = spmm_kernels(&count);
  for (int i = 0; i < count; i++) {
    if (!isa_usable(kernels[i].isa) || kernels[i].rows == SpmmRows::paired) continue;
    run++;
    for (int flags = 0; flags < 16; flags++) {
      check(kernels[i], flags & 1, flags & 2, flags & 4, flags & 8, flags % 3);
    }
  }
  EXPECT_GT(run, 0);
}

TEST(Spmm, NanSurvivesTheClamp) {
  int count = 0;
  const SpmmKernel* kernels = spmm_kernels(&count);
  for (int i = 0; i < count; i++) {
    if (!isa_usable(kernels[i].isa) || kernels[i].rows == SpmmRows::paired) continue;
    Problem p(kernels[i].mr, kernels[i].nr, 0);
    for (float& v : p.x) v = std::numeric_limits<float>::quiet_NaN();
    SpmmArgs args = p.args(kernels[i].isa);
    args.clamp = true;
    args.lo = 0;
    args.hi = 6;
    kernels[i].fn(args);
    // Strip 0 has no blocks, all others are NaN.
    EXPECT_EQ(p.y[p.rows[0] * p.stride], 0.0f) << spmm_name(kernels[i]);
    for (int64_t lane = 0; lane < p.nr; lane++) {
      EXPECT_TRUE(std::isnan(p.y[p.rows[1] * p.stride + lane])) << spmm_name(kernels[i]);
      EXPECT_TRUE(std::isnan(p.y[(p.rows[9] + p.mr - 1) * p.stride + lane]))
          << spmm_name(kernels[i]);
    }
  }
}

TEST(Spmm, EveryWidthUpToTheWidestHasAKernel) {
  for (Isa isa : kAllIsas) {
    if (!isa_compiled(isa)) continue;
    for (Core core : kAllCores) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " " + core_name(core));
      for (int mr : {1, 2, 4, 8}) {
        const int widest = spmm_max_nr(isa, mr, core);
        ASSERT_GT(widest, 0);
        for (int nr = spmm_unit(isa); nr <= widest; nr += spmm_unit(isa)) {
          EXPECT_NE(find_spmm(isa, mr, nr, core), nullptr) << mr << "x" << nr;
        }
      }
      // Rows left over by tall strips run in the same tile.
      EXPECT_GE(spmm_max_nr(isa, 1, core), spmm_max_nr(isa, 2, core));
      EXPECT_GE(spmm_max_nr(isa, 2, core), spmm_max_nr(isa, 4, core));
      EXPECT_GE(spmm_max_nr(isa, 4, core), spmm_max_nr(isa, 8, core));
    }
  }
  EXPECT_EQ(find_spmm(Isa::scalar, 3, 16), nullptr);
}

TEST(Spmm, ACoresOwnKernelIsTakenThereOnly) {
  int count = 0;
  const SpmmKernel* kernels = spmm_kernels(&count);
  for (int i = 0; i < count; i++) {
    const SpmmKernel& kernel = kernels[i];
    if (kernel.rows == SpmmRows::paired) continue;
    EXPECT_EQ(find_spmm(kernel.isa, kernel.mr, kernel.nr, kernel.core), kernel.fn)
        << spmm_name(kernel);
    if (kernel.core != Core::any) {
      EXPECT_NE(find_spmm(kernel.isa, kernel.mr, kernel.nr, Core::any), kernel.fn)
          << spmm_name(kernel);
      EXPECT_LE(kernel.nr, spmm_max_nr(kernel.isa, kernel.mr, kernel.core)) << spmm_name(kernel);
    }
  }
}

}  // namespace
}  // namespace secateur
