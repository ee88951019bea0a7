// Every family of kernels, asked with sets of CPU features: an instruction set without rows of its
// own runs the best row whose needs are met, and so does one that nobody has heard of yet. Only the
// choice is looked at, so that all that is compiled is tested on any CPU.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/depthwise/depthwise.h"
#include "kernels/elementwise/activation.h"
#include "kernels/elementwise/binary.h"
#include "kernels/matmul/matmul.h"
#include "kernels/norm/layer_norm.h"
#include "kernels/panel/panel.h"
#include "kernels/pool/pool.h"
#include "kernels/simd/best_row.h"
#include "kernels/softmax/softmax.h"
#include "kernels/split/split.h"
#include "kernels/spmm/spmm.h"
#include "kernels/spmv/spmv.h"

namespace secateur {
namespace {

// What a family chose: the addresses of its functions, and facts that stand beside them.
using Choice = std::vector<uintptr_t>;

template <class Fn>
uintptr_t address(Fn* function) {
  return reinterpret_cast<uintptr_t>(function);
}

struct Family {
  const char* name;
  Choice (*choose)(Features have);
};

Choice elementwise(Features have) {
  Choice choice;
  for (int kind = 0; kind < kActivationKinds; kind++) {
    choice.push_back(address(select_activation(kind, have)));
    choice.push_back(address(select_unary(kind, have)));
  }
  for (int kind = 0; kind < kBinaryKinds; kind++) {
    for (int form = 0; form < kBinaryForms; form++) {
      choice.push_back(address(select_binary(kind, static_cast<BinaryForm>(form), have)));
    }
  }
  return choice;
}

Choice depthwise(Features have) {
  Choice choice;
  for (int kernel : {2, 3, 5, 7}) {
    for (int stride : {1, 2}) {
      for (int64_t width : {7, 28, 2000}) {
        const DepthwiseKernel k = select_depthwise(kernel, kernel, stride, stride, 1, 1, kernel / 2,
                                                   width, width / stride, have);
        choice.insert(choice.end(), {address(k.fill), address(k.band), address(k.direct),
                                     static_cast<uintptr_t>(k.vector_floats)});
      }
    }
  }
  return choice;
}

Choice spmm(Features have) {
  Choice choice{static_cast<uintptr_t>(spmm_unit(have)), spmm_takes_offsets(have),
                static_cast<uintptr_t>(spmm_pairs_max_nr(have))};
  for (Core core : kAllCores) {
    for (int mr : {1, 2, 4, 8}) {
      const int widest = spmm_max_nr(have, mr, core);
      for (int nr = spmm_unit(have); nr <= widest; nr += spmm_unit(have)) {
        choice.push_back(address(find_spmm(have, mr, nr, core)));
        choice.push_back(address(find_spmm_pairs(have, nr)));
      }
    }
  }
  return choice;
}

Choice spmv(Features have) {
  Choice choice;
  for (SpmvForm form : {SpmvForm::sell, SpmvForm::dense}) {
    for (int64_t rows : {1, 10, 64, 1000}) {
      choice.push_back(address(find_spmv(have, form, rows)->fn));
    }
  }
  return choice;
}

const Family kFamilies[] = {
    {"attention",
     [](Features have) {
       const AttentionKernel k = select_attention(have);
       return Choice{address(k.run), static_cast<uintptr_t>(k.query_block)};
     }},
    {"depthwise", depthwise},
    {"elementwise", elementwise},
    {"matmul",
     [](Features have) {
       const MatMulKernel k = select_matmul(have);
       return Choice{address(k.run), static_cast<uintptr_t>(k.panel)};
     }},
    {"norm",
     [](Features have) {
       return Choice{address(select_layer_norm_planes(have)), address(select_layer_norm_row(have))};
     }},
    {"panel", [](Features have) { return Choice{address(select_panel(have))}; }},
    {"pool",
     [](Features have) {
       return Choice{address(select_max_pool(have)), address(select_average_pool(have)),
                     address(select_reduce_sum(have)), address(select_reduce_max(have)),
                     address(select_reduce_min(have))};
     }},
    {"softmax",
     [](Features have) {
       return Choice{address(select_softmax_planes(have)), address(select_softmax_row(have))};
     }},
    {"split", [](Features have) { return Choice{address(select_split(have))}; }},
    {"spmm", spmm},
    {"spmv", spmv},
};

constexpr auto kUnheardOf = static_cast<Feature>(1u << 31);

TEST(Fallback, AFeatureThatNobodyHasHeardOfChangesNothing) {
  for (Isa isa : kAllIsas) {
    for (const Family& family : kFamilies) {
      EXPECT_EQ(family.choose(Features(isa).with(kUnheardOf)), family.choose(isa))
          << family.name << " " << isa_name(isa);
    }
  }
}

TEST(Fallback, SetsWithoutRowsOfTheirOwnRunTheNextBest) {
  struct Step {
    Isa isa, runs;
  };
  for (const Step& step : {Step{Isa::neonfp16, Isa::neon}, Step{Isa::neondot, Isa::neon},
                           Step{Isa::neoni8mm, Isa::neon}, Step{Isa::avxvnni, Isa::avx2},
                           Step{Isa::avx512vnni, Isa::avx512}}) {
    if (!isa_compiled(step.isa)) continue;
    for (const Family& family : kFamilies) {
      EXPECT_EQ(family.choose(step.isa), family.choose(step.runs))
          << family.name << " " << isa_name(step.isa);
      EXPECT_NE(family.choose(step.isa), family.choose(Isa::scalar))
          << family.name << " " << isa_name(step.isa) << ": scalar by accident";
    }
    EXPECT_EQ(spmm_isa(step.isa), step.runs);
  }
}

TEST(Fallback, EveryIsaWithKernelsHasItsOwnInEveryFamily) {
  for (Isa isa : kAllIsas) {
    if (!isa_compiled(isa) || spmm_isa(isa) != isa) continue;
    for (Isa other : kAllIsas) {
      if (!isa_compiled(other) || spmm_isa(other) != other || isa == other) continue;
      for (const Family& family : kFamilies) {
        EXPECT_NE(family.choose(isa), family.choose(other))
            << family.name << " " << isa_name(isa) << " " << isa_name(other);
      }
    }
  }
}

TEST(Fallback, AnotherArchitecturesFeaturesRunTheScalarKernels) {
  for (Isa isa : kAllIsas) {
    if (isa_compiled(isa)) continue;
    // 32-bit Arm has NEON's kernels and none of what AArch64 added to it.
    if (isa_compiled(Isa::neon) && Features(isa).meets(Isa::neon)) continue;
    for (const Family& family : kFamilies) {
      EXPECT_EQ(family.choose(isa), family.choose(Features())) << family.name << isa_name(isa);
    }
  }
}

// Rows of a family that has one for dot products and none for AVX-512.
TEST(Fallback, TheBestRowIsTheLargestSetThatIsMet) {
  struct Row {
    Isa isa;
  };
  constexpr Row kRows[] = {{Isa::scalar}, {Isa::avxvnni}, {Isa::neondot}, {Isa::avx2}, {Isa::neon}};
  const auto best = [&](Features have) { return best_row(kRows, have).isa; };
  EXPECT_EQ(best({}), Isa::scalar);
  EXPECT_EQ(best(Isa::neon), Isa::neon);
  EXPECT_EQ(best(Isa::neonfp16), Isa::neon);
  EXPECT_EQ(best(Isa::neondot), Isa::neondot);
  EXPECT_EQ(best(Isa::neoni8mm), Isa::neondot);
  EXPECT_EQ(best(Isa::avx2), Isa::avx2);
  EXPECT_EQ(best(Isa::avx512vnni), Isa::avx2);
  EXPECT_EQ(best(Features(Isa::avx512vnni).with(Feature::vnni256)), Isa::avxvnni);
  EXPECT_EQ(best(kUnheardOf), Isa::scalar);
  EXPECT_EQ(best(Feature::dot), Isa::scalar);  // its base is missing
}

}  // namespace
}  // namespace secateur
