// What the cost models choose where measurements left no doubt: which planes are packed although
// they could be read in place, which kernel rows share a run, when the number of tiles is even. And
// that there is a kernel for whatever they choose. The models are asked for every instruction set
// that this build has, whether or not this CPU runs it.
#include <gtest/gtest.h>

#include "conv_harness.h"
#include "kernels/spmm/spmm.h"
#include "ops/conv/conv.h"
#include "ops/conv/cost.h"

namespace secateur {
namespace {

using conv_testing::pointwise;
using conv_testing::square;

// Those of `isas` that this build has kernels and a cost model for.
std::vector<Isa> compiled(std::initializer_list<Isa> isas) {
  std::vector<Isa> out;
  for (Isa isa : isas) {
    if (isa_compiled(isa)) out.push_back(isa);
  }
  return out;
}

std::vector<Isa> compiled_isas() {
  return compiled({Isa::scalar, Isa::neon, Isa::avx2, Isa::avx512});
}

// Runs `check` for each of `isas` that this build has; a test that checked nothing says so.
template <typename Check>
void for_each_compiled(std::initializer_list<Isa> isas, Check check) {
  const std::vector<Isa> found = compiled(isas);
  if (found.empty()) GTEST_SKIP() << "this build has none of these instruction sets";
  for (Isa isa : found) check(isa);
}

ConvChoice choose(Isa isa, const ConvDesc& desc, double density, int mr = 1) {
  ConvWork work;
  work.mr = mr;
  work.density = density;
  return choose_tiles(desc, work, true, machine_of(isa));
}

TEST(ConvChoice, PlanesOnFarPagesArePackedWhenTheyAreReadOften) {
  for_each_compiled({Isa::avx2, Isa::avx512}, [](Isa isa) {
    const auto source = [&](int in, int out, int size, double density) {
      return choose(isa, pointwise(in, out, size), density).source;
    };
    EXPECT_EQ(source(128, 512, 28, 0.1), ConvSource::panel) << isa_name(isa);
    EXPECT_EQ(source(256, 256, 56, 0.1), ConvSource::panel) << isa_name(isa);
    EXPECT_EQ(source(128, 128, 28, 0.1), ConvSource::direct) << isa_name(isa) << ": 13 reads";
    EXPECT_EQ(source(64, 512, 28, 0.1), ConvSource::direct) << isa_name(isa) << ": few pages";
    EXPECT_EQ(source(512, 512, 14, 0.1), ConvSource::direct) << isa_name(isa) << ": small planes";
  });
}

TEST(ConvChoice, EveryTileHasAKernel) {
  int tiles = 0;
  for (Isa isa : compiled_isas()) {
    for (int size : {2, 7, 14, 28, 56}) {
      for (int channels : {16, 128, 512}) {
        for (double density : {0.05, 0.1, 0.5, 1.0}) {
          for (int mr : {1, 4}) {
            const ConvDesc desc = pointwise(channels, channels, size);
            const ConvChoice choice = choose(isa, desc, density, mr);
            for (const ConvTile& tile : cut_tiles(desc.y.positions(), choice.nr, machine_of(isa))) {
              tiles++;
              EXPECT_NE(find_spmm(isa, mr, tile.nr), nullptr)
                  << isa_name(isa) << " " << mr << "x" << tile.nr;
              if (!choice.pairs) continue;
              EXPECT_NE(find_spmm_pairs(isa, tile.nr), nullptr)
                  << isa_name(isa) << " pairs " << tile.nr;
            }
          }
        }
      }
    }
  }
  EXPECT_GE(tiles, 2 * 5 * 3 * 4 * 2) << "every build has scalar kernels and vector ones";
}

TEST(ConvChoice, RowsOfCsrGoInPairsWhereTheyShareEnough) {
  for (Isa isa : compiled_isas()) {
    const bool x86 = Features(isa).meets(Feature::avx2);
    const auto pairs = [&](const ConvDesc& desc, double density, int mr) {
      return choose(isa, desc, density, mr).pairs;
    };
    EXPECT_EQ(pairs(pointwise(512, 512, 14), 0.1, 1), x86) << isa_name(isa);
    EXPECT_EQ(pairs(pointwise(384, 1536, 14), 0.2, 1), x86) << isa_name(isa);
    EXPECT_FALSE(pairs(pointwise(512, 512, 14), 0.2, 4)) << isa_name(isa) << ": block rows";
    // Of 1.6 nonzeros a row few are shared: better a tile as wide as a single row's can be.
    if (isa != Isa::avx2) continue;
    EXPECT_FALSE(pairs(pointwise(16, 96, 112), 0.1, 1));
  }
}

TEST(ConvChoice, StripsOfSeveralRowsReadAValueOnceForAll) {
  for_each_compiled({Isa::avx2}, [](Isa isa) {
    EXPECT_EQ(choose(isa, pointwise(128, 512, 28), 0.2, 4).source, ConvSource::panel);
    EXPECT_EQ(choose(isa, pointwise(128, 256, 28), 0.2, 4).source, ConvSource::direct);
  });
}

TEST(ConvChoice, RowsShareARunWhereTheirLoadsStayWithinLines) {
  for_each_compiled({Isa::avx512}, [](Isa isa) {
    const auto source = [&](int channels, int size) {
      ConvDesc desc = pointwise(channels, channels, size);
      desc.window = square(3, 1, 1);
      ConvWork work;
      work.density = 0.05;
      return choose_tiles(desc, work, false, machine_of(isa)).source;
    };
    EXPECT_EQ(source(64, 56), ConvSource::shared);  // rows of three lines and a half
    EXPECT_EQ(source(256, 14), ConvSource::panel);
    EXPECT_EQ(source(512, 7), ConvSource::panel);
  });
}

TEST(ConvChoice, FewTilesAreOfAnEvenNumberOnAvx512) {
  for_each_compiled({Isa::avx512}, [](Isa isa) {
    for (int out : {256, 512, 1024}) {
      const ConvDesc desc = pointwise(256, out, 14);
      const int nr = choose(isa, desc, 0.1).nr;
      const size_t tiles = cut_tiles(desc.y.positions(), nr, machine_of(isa)).size();
      EXPECT_GT(tiles, 0u) << out;
      EXPECT_EQ(tiles % 2, 0u) << out;
    }
  });
}

}  // namespace
}  // namespace secateur
