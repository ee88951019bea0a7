// Every kernel of kernels/spmm_f16/kernels.inc that this CPU runs, against plain sums in double:
// strips of 0 to 19 blocks, in any row order, from aligned and misaligned activations, first and
// later blocks of columns. Where none runs, that is what is held.
#include "kernels/spmm_f16/spmm_f16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "base/half.h"

namespace secateur {
namespace {

double of(uint16_t bits) { return half_to_float(bits); }

struct Problem {
  static constexpr int kStrips = 20, kColumns = 13;
  int mr, nr;
  int64_t stride, misaligned;
  std::vector<int32_t> indptr{0}, rows, offsets;
  std::vector<uint16_t> values, x, y, residual, bias;

  Problem(int mr_in, int nr_in, int64_t misaligned_in)
      : mr(mr_in), nr(nr_in), stride(nr_in + 5), misaligned(misaligned_in) {
    std::mt19937 rng(static_cast<unsigned>(mr * 1000 + nr));
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    const auto number = [&] { return float_to_half(uniform(rng)); };
    for (int s = 0; s < kStrips; s++) {
      rows.push_back((s * 7 % kStrips) * mr);
      for (int j = 0; j < s; j++) {  // 0, 1, ... blocks
        offsets.push_back(static_cast<int32_t>(rng() % kColumns * static_cast<unsigned>(nr + 3)) *
                          2);
        for (int m = 0; m < mr; m++) values.push_back(number());
      }
      indptr.push_back(static_cast<int32_t>(offsets.size()));
    }
    const auto fill = [&](std::vector<uint16_t>* v, int64_t n) {
      for (int64_t i = 0; i < n; i++) v->push_back(number());
    };
    fill(&x, kColumns * (nr + 3) + misaligned);
    fill(&y, kStrips * mr * stride);
    fill(&residual, kStrips * mr * stride);
    fill(&bias, kStrips * mr);
  }
};

void check(const SpmmF16Kernel& kernel, bool accumulate, bool bias, bool residual, bool clamp,
           int64_t misaligned) {
  SCOPED_TRACE(spmm_f16_name(kernel) + (accumulate ? " accumulate" : "") + (bias ? " bias" : "") +
               (residual ? " residual" : "") + (clamp ? " clamp" : ""));
  Problem p(kernel.mr, kernel.nr, misaligned);
  const std::vector<uint16_t> before = p.y;
  SpmmF16Args args{};
  args.strips = Problem::kStrips;
  args.indptr = p.indptr.data();
  args.rows = p.rows.data();
  args.offsets = p.offsets.data();
  args.values = p.values.data();
  args.x = p.x.data() + misaligned;
  args.y = p.y.data();
  args.y_stride = p.stride;
  args.accumulate = accumulate;
  args.bias = bias ? p.bias.data() : nullptr;
  args.residual = residual ? p.residual.data() : nullptr;
  args.clamp = clamp;
  args.lo = float_to_half(-0.25f);
  args.hi = float_to_half(0.5f);
  kernel.fn(args);
  for (int s = 0; s < Problem::kStrips; s++) {
    for (int m = 0; m < p.mr; m++) {
      const int64_t row = p.rows[s] + m;
      for (int64_t i = 0; i < p.stride; i++) {
        const double got = of(p.y[row * p.stride + i]);
        if (i >= p.nr) {
          ASSERT_EQ(p.y[row * p.stride + i], before[row * p.stride + i]) << "past the tile";
          continue;
        }
        double want = 0, magnitude = 0;
        int terms = 0;
        const auto add = [&](double term) {
          want += term;
          magnitude += std::fabs(term);
          terms++;
        };
        if (accumulate) {
          add(of(before[row * p.stride + i]));
        } else {
          if (bias) add(of(p.bias[row]));
        }
        if (residual) add(of(p.residual[row * p.stride + i]));
        for (int32_t j = p.indptr[s]; j < p.indptr[s + 1]; j++) {
          add(of(p.values[j * p.mr + m]) * of(p.x[misaligned + p.offsets[j] / 2 + i]));
        }
        if (clamp) want = std::min(std::max(want, -0.25), 0.5);
        // docs/numerics.md: each of K roundings is 2^-11 of what is summed so far, at most.
        ASSERT_NEAR(got, want, terms * (std::ldexp(magnitude, -11) + std::ldexp(1.0, -25)))
            << "row " << row << " position " << i;
      }
    }
  }
}

TEST(SpmmF16, EveryKernel) {
  int count = 0, ran = 0;
  const SpmmF16Kernel* kernels = spmm_f16_kernels(&count);
  for (int i = 0; i < count; i++) {
    if (!isa_usable(kernels[i].isa)) continue;
    ran++;
    for (int64_t misaligned : {0, 1, 3}) {
      check(kernels[i], false, false, false, false, misaligned);
      check(kernels[i], false, true, true, true, misaligned);
      check(kernels[i], true, true, true, false, misaligned);
    }
  }
  EXPECT_EQ(ran > 0, spmm_f16_runs(cpu_features()));
  EXPECT_EQ(spmm_f16_runs(Isa::scalar), false);
}

TEST(SpmmF16, ShorterStripsHaveEveryWidthOfTallerOnes) {
  int count = 0;
  const SpmmF16Kernel* kernels = spmm_f16_kernels(&count);
  for (int i = 0; i < count; i++) {
    for (int mr = 1; mr < kernels[i].mr; mr *= 2) {
      EXPECT_NE(find_spmm_f16(kernels[i].isa, mr, kernels[i].nr), nullptr)
          << spmm_f16_name(kernels[i]) << " without " << mr;
    }
  }
}

TEST(SpmmF16, NaNStaysNaNAndInfinityIsNoBound) {
  int count = 0;
  const SpmmF16Kernel* kernels = spmm_f16_kernels(&count);
  for (int i = 0; i < count; i++) {
    if (!isa_usable(kernels[i].isa)) continue;
    Problem p(kernels[i].mr, kernels[i].nr, 0);
    std::fill(p.x.begin(), p.x.end(), uint16_t{0x7e00});
    SpmmF16Args args{};
    args.strips = Problem::kStrips;
    args.indptr = p.indptr.data();
    args.rows = p.rows.data();
    args.offsets = p.offsets.data();
    args.values = p.values.data();
    args.x = p.x.data();
    args.y = p.y.data();
    args.y_stride = p.stride;
    args.clamp = true;
    args.lo = 0;
    args.hi = 0x7c00;
    kernels[i].fn(args);
    EXPECT_EQ(p.y[static_cast<size_t>(p.rows[0] * p.stride)], 0);  // a strip without blocks
    EXPECT_TRUE(std::isnan(of(p.y[static_cast<size_t>(p.rows[5] * p.stride)])));
  }
}

}  // namespace
}  // namespace secateur
