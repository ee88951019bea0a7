#include "ops/conv/plan_i8.h"

#include <algorithm>

#include "kernels/spmm_i8/spmm_i8.h"
#include "pack/spmm_i8_pack.h"

namespace secateur {
namespace {

// Strips that read a vector of activations from which it is cheaper to flip its sign bits once,
// when it is copied, than in each read (a copy: some four slots, a flip: a quarter of one).
constexpr double kReadsOfFlipped = 16;

int level_of(int mr) { return mr == 4 ? 2 : mr - 1; }

// Widest tile of a strip of one row: as wide as lets all columns stay in the first-level cache.
int64_t widest_of(int mr, int64_t runs, const Machine& machine) {
  const int64_t most = spmm_i8_max_nr(machine.have, mr);
  if (machine.i8.tile == 0) return most;
  if (mr > 1) return std::min<int64_t>(most, machine.i8.tile);
  const int64_t fits = machine.l1_bytes / (4 * std::max<int64_t>(runs, 1)) / 16 * 16;
  return std::min(most, std::max<int64_t>(machine.i8.tile, fits));
}

// Of what a tile's positions cost: 640 for its streams of weights, 64 for each; the square makes
// tiles of one width out of equal choices.
int64_t tile_cost(int64_t nr) { return 640 + 64 * nr + nr * nr / 16; }

}  // namespace

ConvDesc desc_of_quads(const ConvDesc& desc, const QuadGroups& g) {
  ConvDesc d = desc;
  const auto to_quads = [](Planes* p, int64_t channels) {
    p->channels = static_cast<int32_t>(channels);
    p->plane_stride /= 4;
    p->batch_stride /= 4;
  };
  to_quads(&d.x, g.groups * g.input_quads);
  to_quads(&d.y, g.groups * g.row_quads);
  d.groups = g.groups;
  d.weight = WeightView();
  d.weight.rows = g.groups * g.rows;
  d.weight.cols = g.input_quads * d.window.kernel_h * d.window.kernel_w;
  return d;
}

int choose_i8_mr(const QuadRows& rows, const QuadGroups& g, const Machine& machine) {
  int best = 1;
  double best_cost = -1;
  for (int mr : {4, 2, 1}) {
    if (spmm_i8_max_nr(machine.have, mr) == 0) continue;
    const double cost =
        static_cast<double>(strip_blocks(rows, g, mr) * mr) / machine.i8.worth[level_of(mr)];
    if (best_cost >= 0 && cost >= best_cost) continue;
    best = mr;
    best_cost = cost;
  }
  return best;
}

std::vector<ConvTile> cut_i8_tiles(int64_t positions, int mr, int64_t widest, Features have) {
  const int64_t unit = spmm_i8_unit(have);
  std::vector<int32_t> widths;
  for (int64_t nr = unit; nr <= std::min<int64_t>(widest, spmm_i8_max_nr(have, mr)); nr += unit) {
    if (find_spmm_i8(have, mr, static_cast<int>(nr))) widths.push_back(static_cast<int32_t>(nr));
  }
  if (widths.empty()) widths.push_back(static_cast<int32_t>(unit));
  return cheapest_tiles(positions, unit, widths, tile_cost);
}

ConvPlan plan_conv_i8(const ConvDesc& d, int mr, double reads, const Machine& machine,
                      const ConvTuning& tuning) {
  ConvPlan plan = begin_plan(d);
  plan.mr = mr;
  const Window& w = d.window;
  const bool direct = reads_planes(d, plan) && d.y.positions() > 1;
  const bool flips = spmm_i8_takes_flipped(machine.have);
  plan.source =
      !direct ? (w.kernel_h > 1 && machine.i8.shares_runs ? ConvSource::shared : ConvSource::panel)
      : flips && reads >= kReadsOfFlipped ? ConvSource::panel
                                          : ConvSource::direct;
  if (tuning.source >= 0) plan.source = static_cast<ConvSource>(tuning.source);
  const int64_t runs = int64_t{d.x.channels} / d.groups * w.kernel_h * w.kernel_w;
  const int64_t widest = tuning.nr ? tuning.nr : widest_of(mr, runs, machine);
  plan.tiles = cut_i8_tiles(d.y.positions(), mr, widest, machine.have);
  // Strips of several rows read each vector for all of them and do not mind the L2 cache (as in
  // cost_slots.cc).
  const int64_t block = mr > 1 ? machine.l1_bytes * 4 : machine.l1_bytes;
  const double density = reads / static_cast<double>(std::max(1, d.y.channels / d.groups * 4 / mr));
  lay_out_plan(d, density, tuning.block_bytes ? tuning.block_bytes : block, machine, &plan);
  return plan;
}

}  // namespace secateur
