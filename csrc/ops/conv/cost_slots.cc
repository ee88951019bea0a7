// The cost model of slots: the time of one vector FMA at full rate. FMAs bound, and what stands
// beside them costs a constant each (machine/cost_fields.inc; docs/lab/cost-model.md).
#include <algorithm>
#include <climits>

#include "kernels/spmm/spmm.h"
#include "ops/conv/cost.h"
#include "pack/row_pairs.h"

namespace secateur {
namespace {

constexpr size_t kFewTiles = 7;
constexpr double kEvenTiles = 1.05;  // of the cost of one tile less

// Bytes of activations that one block of columns may touch. Strips of several rows read each
// activation for all of them and do not mind the L2 cache (BSR 4x1 at 80%: 84% with blocks of L1,
// 87 with four times that; dense 89 and 90).
int64_t block_bytes(const ConvWork& work, const Machine& machine, bool pairs = false) {
  if (work.mr > 1) return machine.l1_bytes * 4;
  const double large_below = machine.costs.large_block_density / (pairs ? 2 : 1);
  return work.density < large_below ? machine.l1_bytes * 3 / 2 : machine.l1_bytes;
}

double slots_of(int64_t nr, const Machine& machine) {
  return static_cast<double>(nr) / machine.slot_floats;
}

// Of a kernel row of shared runs, on average: it starts a number of output rows further on.
double crossing_cost(const ConvDesc& d, int mr, const CostTable& costs) {
  const Window& w = d.window;
  double cost = 0;
  for (int r = 0; r < w.kernel_h; r++) {
    const int64_t at = int64_t{r} * w.dilation_h / w.stride_h * d.y.width % kLineFloats;
    cost += at == 0 ? 0.0 : mr > 1 || at == kLineFloats / 2 ? costs.halfway : costs.crossing;
  }
  return cost / w.kernel_h;
}

// FMA slots of two rows in one vector of a tile, of nonzeros that they share in part.
double pair_cost(double nonzeros, double in_common, double vectors, double crossing,
                 const CostTable& costs) {
  const double loads = 2 * nonzeros - costs.saved * in_common;
  return std::max(2 * nonzeros * vectors, loads * (vectors * (1 + crossing) + costs.pair_nonzero));
}

double choice_cost(const ConvDesc& d, const ConvWork& work, ConvSource source, int64_t widest,
                   int64_t block, const Machine& machine, bool pairs,
                   const InCommon& in_common_of) {
  const CostTable& costs = machine.costs;
  const Window& w = d.window;
  const double channels = static_cast<double>(d.x.channels) / d.groups;
  const double rows = static_cast<double>(d.y.channels) / d.groups;
  const int mr = pairs ? 2 : work.mr;
  const double strips = rows / mr;
  const double taps = w.kernel_h * w.kernel_w;
  const double nonzeros = channels * taps * work.density;  // of a row of each strip
  const std::vector<ConvTile> tiles = cut_tiles(d.y.positions(), widest, machine);
  const int64_t halo =
      source == ConvSource::shared ? (w.kernel_h - 1) * w.dilation_h / w.stride_h * d.y.width : 0;
  const double runs = channels * (source == ConvSource::shared ? w.kernel_w * w.stride_h : taps);
  const double blocks = std::max(
      1.0, runs * static_cast<double>(tiles[0].nr + halo) * 4 / static_cast<double>(block));
  const double crossing = source == ConvSource::shared ? crossing_cost(d, work.mr, costs) *
                                                             machine.vector_floats() / kLineFloats
                                                       : 0.0;
  const double in_common =
      pairs ? blocks * in_common_of.columns(nonzeros / blocks, channels * taps / blocks) : 0.0;
  const double weight_floats = work.mr == 1 ? rows * nonzeros * 3 / 2 : 0.0;  // codes included
  const bool far = weight_floats * 4 > 0.75 * static_cast<double>(machine.l2_bytes);
  double cost =
      far ? static_cast<double>(tiles.size()) * weight_floats / kLineFloats * costs.far_weight_line
          : 0.0;
  for (const ConvTile& tile : tiles) {
    const double vectors = slots_of(tile.nr, machine), least = std::max(vectors, 1.0);
    cost += strips * (pairs ? pair_cost(nonzeros, in_common, least, crossing, costs)
                            : nonzeros * (mr * least * (1 + crossing / mr) + mr * costs.broadcast +
                                          costs.block));
    cost += strips * blocks * (mr * vectors * costs.strip_vector + costs.strip);
    if (source != ConvSource::direct) {
      cost += runs * slots_of(tile.nr + halo, machine) * costs.pack_vector;
    }
  }
  return cost;
}

}  // namespace

ConvChoice choose_by_slots(const ConvDesc& desc, const ConvWork& work, bool direct,
                           const Machine& machine) {
  const Features have = machine.have;
  const bool packed = direct && packs_planes(desc, work, machine);
  if (packed) direct = false;
  const int step = tile_step(machine);
  ConvChoice best{direct ? ConvSource::direct : ConvSource::panel, step,
                  block_bytes(work, machine)};
  const InCommon in_common(desc.y.channels / desc.groups);
  double best_cost = -1;
  for (bool pairs : {false, true}) {
    if (pairs && (!kPairsBuilt || work.dense || work.mr > 1)) continue;
    const int kernels = pairs ? spmm_pairs_max_nr(have) : spmm_max_nr(have, work.mr, machine.core);
    const int widest =
        std::min(kernels, packed ? static_cast<int>(machine.costs.widest_packed) : INT_MAX);
    for (int nr = step; nr <= widest; nr += step) {
      for (ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
        if (direct != (source == ConvSource::direct)) continue;
        if (source == ConvSource::shared && desc.window.kernel_h == 1) continue;
        const int64_t block = block_bytes(work, machine, pairs);
        const double cost = choice_cost(desc, work, source, nr, block, machine, pairs, in_common);
        if (best_cost >= 0 && cost >= best_cost) continue;
        best = {source, nr, block, pairs};
        best_cost = cost;
      }
    }
  }
  // Few tiles of an odd number leave one whose rows, on two threads, both compute, from activations
  // of which each has half in its own cache. One more tile costs a single thread next to nothing.
  const size_t count = cut_tiles(desc.y.positions(), best.nr, machine).size();
  if (work.dense || count == 1 || count % 2 == 0 || count > kFewTiles) return best;
  for (int nr = best.nr - step; nr > 0; nr -= step) {
    if (cut_tiles(desc.y.positions(), nr, machine).size() != count + 1) continue;
    if (choice_cost(desc, work, best.source, nr, best.block_bytes, machine, best.pairs,
                    in_common) <= kEvenTiles * best_cost) {
      best.nr = nr;
    }
    break;
  }
  return best;
}

double slots_cost(const ConvDesc& desc, const ConvWork& work, const ConvTuning& tuning,
                  const Machine& machine) {
  const InCommon in_common(desc.y.channels / desc.groups);
  return choice_cost(desc, work, static_cast<ConvSource>(tuning.source), tuning.nr,
                     tuning.block_bytes, machine, tuning.pairs == 1, in_common);
}

}  // namespace secateur
