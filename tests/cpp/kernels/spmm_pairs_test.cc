// Every kernel for pairs of rows that this CPU runs, against plain sums in double: 0 to 5 columns
// in common, as many apart and beyond, in any row order, first and later K blocks.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/spmm/spmm.h"
#include "pack/row_pairs.h"

namespace secateur {
namespace {

struct Term {
  int32_t column;
  float value;
};

struct Problem {
  static constexpr int kLengths = 6, kColumns = 17, kShift = 4, kMisaligned = 3;
  int nr;
  int64_t stride, run;  // floats
  std::vector<int32_t> counts, rows;
  std::vector<uint16_t> codes;
  std::vector<float> values, x, y, residual, bias;
  std::vector<std::vector<Term>> terms;  // of each row

  explicit Problem(int nr_in) : nr(nr_in), stride(nr_in + 5), run((nr_in + 3) / 4 * 4) {
    std::mt19937 rng(static_cast<unsigned>(nr));
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    const int pairs = kLengths * kLengths * 3;
    terms.resize(2 * pairs);
    std::vector<int32_t> order(2 * pairs);
    for (int i = 0; i < 2 * pairs; i++) order[i] = i * 5 % (2 * pairs);
    auto code = [&] {
      const int32_t column = static_cast<int32_t>(rng() % kColumns);
      codes.push_back(static_cast<uint16_t>(column * run * 4 >> kShift));
      return column;
    };
    auto term = [&](int32_t row, int32_t column) {
      values.push_back(uniform(rng));
      terms[row].push_back({column, values.back()});
    };
    for (int i = 0; i < pairs; i++) {
      const int32_t lengths[] = {i % kLengths, i / kLengths % kLengths, i / kLengths / kLengths};
      const int32_t a = order[2 * i], b = order[2 * i + 1];
      rows.insert(rows.end(), {a, b});
      counts.insert(counts.end(), lengths, lengths + 3);
      for (int32_t k = 0; k < lengths[0]; k++) {
        const int32_t column = code();
        term(a, column);
        term(b, column);
      }
      for (int32_t k = 0; k < lengths[1]; k++) {
        term(a, code());
        term(b, code());
      }
      for (int32_t k = 0; k < lengths[2]; k++) term(a, code());
    }
    auto fill = [&](std::vector<float>* v, int64_t n) {
      for (int64_t i = 0; i < n; i++) v->push_back(uniform(rng));
    };
    fill(&x, kColumns * run + kMisaligned + nr);
    fill(&y, 2 * pairs * stride);
    fill(&residual, 2 * pairs * stride);
    fill(&bias, 2 * pairs);
  }

  SpmmArgs args() {
    SpmmArgs a{};
    a.strips = static_cast<int64_t>(rows.size()) / 2;
    a.counts = counts.data();
    a.rows = rows.data();
    a.codes = codes.data();
    a.shift = kShift;
    a.values = values.data();
    a.x = x.data() + kMisaligned;
    a.y = y.data();
    a.y_stride = stride;
    return a;
  }
};

std::vector<SpmmKernel> usable_pairs() {
  int count = 0;
  const SpmmKernel* kernels = spmm_kernels(&count);
  std::vector<SpmmKernel> usable;
  for (int i = 0; i < count; i++) {
    if (kernels[i].rows == SpmmRows::paired && isa_usable(kernels[i].isa)) {
      usable.push_back(kernels[i]);
    }
  }
  return usable;
}

void check(const SpmmKernel& kernel, bool accumulate, bool bias, bool residual, bool clamp) {
  SCOPED_TRACE(spmm_name(kernel) + (accumulate ? " accumulate" : "") + (bias ? " bias" : "") +
               (residual ? " residual" : "") + (clamp ? " clamp" : ""));
  Problem p(kernel.nr);
  const std::vector<float> before = p.y;
  SpmmArgs args = p.args();
  args.accumulate = accumulate;
  args.bias = bias ? p.bias.data() : nullptr;
  args.residual = residual ? p.residual.data() : nullptr;
  args.clamp = clamp;
  args.lo = -0.25f;
  args.hi = 0.5f;
  kernel.fn(args);
  for (size_t row = 0; row < p.terms.size(); row++) {
    for (int64_t i = 0; i < p.stride; i++) {
      const int64_t at = static_cast<int64_t>(row) * p.stride + i;
      if (i >= p.nr) {
        ASSERT_EQ(p.y[at], before[at]) << "written past the tile";
        continue;
      }
      double want = 0, magnitude = 0;
      auto add = [&](double term) {
        want += term;
        magnitude += std::fabs(term);
      };
      if (accumulate) {
        add(before[at]);
      } else {
        if (bias) add(p.bias[row]);
        if (residual) add(p.residual[at]);
      }
      for (const Term& t : p.terms[row]) {
        add(double{t.value} * p.x[t.column * p.run + Problem::kMisaligned + i]);
      }
      if (clamp) want = std::min(std::max(want, -0.25), 0.5);
      ASSERT_NEAR(p.y[at], want, 16 * std::ldexp(1.0, -24) * magnitude)
          << "row " << row << " position " << i;
    }
  }
}

TEST(SpmmPairs, EveryKernelOfTheList) {
  for (const SpmmKernel& kernel : usable_pairs()) {
    for (int flags = 0; flags < 16; flags++) {
      check(kernel, flags & 1, flags & 2, flags & 4, flags & 8);
    }
  }
}

TEST(SpmmPairs, NanStaysInItsRowAndSurvivesTheClamp) {
  for (const SpmmKernel& kernel : usable_pairs()) {
    Problem p(kernel.nr);
    const int32_t poisoned = 4;
    for (int64_t i = 0; i < p.run; i++) {
      p.x[poisoned * p.run + Problem::kMisaligned + i] = std::numeric_limits<float>::quiet_NaN();
    }
    SpmmArgs args = p.args();
    args.clamp = true;
    args.lo = 0;
    args.hi = 6;
    kernel.fn(args);
    for (size_t row = 0; row < p.terms.size(); row++) {
      bool reads = false;
      for (const Term& t : p.terms[row]) reads |= t.column == poisoned;
      for (int64_t i = 0; i < p.nr; i++) {
        ASSERT_EQ(std::isnan(p.y[static_cast<int64_t>(row) * p.stride + i]), reads)
            << spmm_name(kernel) << " row " << row << " position " << i;
      }
    }
  }
}

TEST(SpmmPairs, EveryWidthUpToTheWidestHasAKernel) {
  for (Isa isa : kAllIsas) {
    if (!isa_compiled(isa)) continue;
    const bool x86 = Features(isa).meets(Feature::avx2);
    EXPECT_EQ(spmm_pairs_max_nr(isa) > 0, x86 && kPairsBuilt) << isa_name(isa);
    // A row without a partner runs in the same tile.
    EXPECT_LE(spmm_pairs_max_nr(isa), spmm_max_nr(isa, 1)) << isa_name(isa);
    for (int nr = spmm_unit(isa); nr <= spmm_pairs_max_nr(isa); nr += spmm_unit(isa)) {
      EXPECT_NE(find_spmm_pairs(isa, nr), nullptr) << isa_name(isa) << " " << nr;
    }
  }
}

}  // namespace
}  // namespace secateur
