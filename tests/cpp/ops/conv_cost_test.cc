// That a plan is the machine's (machine/machine.h): each constant of its table, each model's,
// decides something. Of the scalar kernels, of one width and without pairs, little depends.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "conv_harness.h"
#include "ops/conv/cost.h"

namespace secateur {
namespace {

using conv_testing::pointwise;
using conv_testing::square;

struct Layer {
  ConvDesc desc;
  ConvWork work;
  bool direct;
};

std::vector<Layer> sweep(int block_mr) {
  std::vector<Layer> layers;
  const auto add = [&](const ConvDesc& desc, bool direct) {
    for (double density : {0.03, 0.1, 0.25, 1.0}) {
      for (int mr : {1, block_mr}) {
        ConvWork work;
        work.mr = mr;
        work.density = density;
        layers.push_back({desc, work, direct});
      }
    }
  };
  for (int size : {7, 14, 28, 56}) {
    for (int channels : {16, 64, 256, 1024}) {
      if (size * channels > 56 * 256) continue;
      add(pointwise(channels, channels, size), true);
      add(pointwise(channels, 2 * channels, size), true);
      ConvDesc desc = pointwise(channels, channels, size);
      desc.window = square(3, 1, 1);
      if (channels <= 256) add(desc, false);
    }
  }
  ConvDesc stem = pointwise(3, 32, 112);
  stem.window = square(7, 1, 3);
  add(stem, false);
  return layers;
}

bool same(const ConvChoice& a, const ConvChoice& b) {
  return a.source == b.source && a.nr == b.nr && a.block_bytes == b.block_bytes &&
         a.pairs == b.pairs;
}

// Whether two machines choose differently for any of `layers`.
bool differ(const Machine& a, const Machine& b, const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) {
    const ConvChoice of_a = choose_tiles(layer.desc, layer.work, layer.direct, a);
    if (!same(of_a, choose_tiles(layer.desc, layer.work, layer.direct, b))) return true;
  }
  return false;
}

TEST(ConvCost, EveryConstantOfAMachinesTableHasItsSay) {
  for (Isa isa : {Isa::neon, Isa::avx2, Isa::avx512}) {
    if (!isa_compiled(isa)) continue;
    const Machine machine = machine_of(isa);
    const std::vector<Layer> layers = sweep(machine.block_mr);
    Machine larger = machine;
    larger.l1_bytes *= 2;
    EXPECT_TRUE(differ(machine, larger, layers)) << machine.name << ": nothing depends on L1";
    visit_costs(machine.costs, machine.model, [&](const std::string& field, bool read, double) {
      if (!read || field.rfind("dense_from", 0) == 0) return;
      if (field == "row_vector") return;  // y has as many vectors however it is cut
      bool changes = false;
      for (double factor : {20.0, 0.0, 4.0, 0.2}) {
        Machine other = machine;
        visit_costs(other.costs, other.model, [&](const std::string& name, bool, double& value) {
          if (name == field) value *= factor;
        });
        changes = changes || differ(machine, other, layers);
      }
      EXPECT_TRUE(changes) << machine.name << ": nothing depends on " << field;
    });
  }
}

// A layer stored sparse that is executed dense from a density on: the machine says from which.
TEST(ConvCost, TheMachineSaysFromWhichDensityOnALayerIsExecutedDense) {
  std::mt19937 rng(5);
  for (Isa isa : kAllIsas) {
    if (!isa_compiled(isa)) continue;
    for (int size : {1, 5}) {
      for (const conv_testing::Format& format : {conv_testing::kCsr, conv_testing::kBsr41}) {
        ConvDesc desc = pointwise(16, 16, size);
        const std::vector<float> w = testing::random_blocks(16, 16, format.a, format.b, 0.4, &rng);
        const testing::Encoded encoded = conv_testing::encode(format, w, 16, 16);
        desc.weight = encoded.view;
        Machine machine = machine_of(isa);
        const auto dense_at = [&](double from) {
          const bool pairs =
              spmm_pairs_max_nr(isa) > 0 && format.format == WeightFormat::csr && size > 1;
          (size == 1 ? machine.costs.dense_from_one_position
           : pairs   ? machine.costs.dense_from_pairs
                     : machine.costs.dense_from) = from;
          OperatorPtr op;
          EXPECT_TRUE(make_conv(desc, machine, &op).ok());
          return op->kernel().find(" dense ") != std::string::npos;
        };
        EXPECT_TRUE(dense_at(0.3)) << isa_name(isa) << " " << format.name << " " << size;
        EXPECT_FALSE(dense_at(0.9)) << isa_name(isa) << " " << format.name << " " << size;
      }
    }
  }
}

}  // namespace
}  // namespace secateur
