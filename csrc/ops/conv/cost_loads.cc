// The cost model of loads, in slots: the time of one vector FMA or load, of which a core with two
// ports for each starts two a cycle (AVX2). Tile width and block of columns are chosen together:
// wide tiles spend fewer slots on a nonzero's value and offset, but then fewer columns fit the L1
// cache together, and between blocks of columns y is read and written again. docs/lab/cost-model.md
// has the measurements behind the constants.
#include <algorithm>
#include <cmath>

#include "kernels/spmm/spmm.h"
#include "ops/conv/cost.h"
#include "pack/row_pairs.h"

namespace secateur {
namespace {

// Shares of the L1 cache that one block of columns may take.
constexpr double kShares[] = {0.5, 0.75, 1.0, 1.25, 1.5, 2.0};

struct Layer {
  int mr;  // rows of a strip
  bool csr, pairs;
  double strips;
  double columns, nonzeros;  // of a row
  InCommon in_common{1};
  double channels, runs;
  int64_t halo;
  bool packed;
  int panel_tiles;  // packed at once
  double far_planes;
  bool within_l2;  // x and y together
  double weight_lines;
  bool far_weights;
  double crossing;  // share of loads that cross a line and wait for the load ports
};

// Of the loads of shared runs: kernel rows start a number of output rows further on, and where that
// is no multiple of a vector, every second load crosses a line.
double crossing_share(const ConvDesc& d) {
  double share = 0;
  for (int r = 0; r < d.window.kernel_h; r++) {
    const int64_t shift = int64_t{r} * d.window.dilation_h / d.window.stride_h * d.y.width;
    share += shift % 8 != 0 ? 0.5 : 0.0;
  }
  return share / d.window.kernel_h;
}

Layer layer_of(const ConvDesc& d, const ConvWork& work, ConvSource source, bool pairs,
               const Machine& machine) {
  const Window& w = d.window;
  const bool shared = source == ConvSource::shared;
  const double taps = w.kernel_h * w.kernel_w;
  const int64_t rows = d.y.channels / d.groups;
  Layer layer;
  layer.mr = pairs ? 2 : work.mr;
  layer.csr = work.mr == 1 && !work.dense;
  layer.pairs = pairs;
  layer.strips = static_cast<double>(rows) / layer.mr;
  layer.channels = static_cast<double>(d.x.channels) / d.groups;
  layer.columns = layer.channels * taps;
  layer.nonzeros = layer.columns * work.density;
  layer.in_common = InCommon(rows);
  layer.runs = layer.channels * (shared ? w.kernel_w * w.stride_h : taps);
  layer.halo = shared ? int64_t{w.kernel_h - 1} * w.dilation_h / w.stride_h * d.y.width : 0;
  layer.packed = source != ConvSource::direct;
  layer.panel_tiles = machine.most_panel_tiles(layer.mr);
  layer.far_planes = work.mr == 1 ? layer.channels * far_page_share(d, machine) : 0.0;
  const double l2_floats = static_cast<double>(machine.l2_bytes) / 4;
  const double activations =
      static_cast<double>(d.x.channels * d.x.plane_stride + d.y.channels * d.y.plane_stride);
  layer.within_l2 = activations <= l2_floats;
  const double weight_floats = pairs ? 4 : work.mr + 1;  // of a nonzero of a strip, codes included
  layer.weight_lines = layer.strips * layer.nonzeros * weight_floats / kLineFloats;
  layer.far_weights = layer.csr && layer.weight_lines * kLineFloats > 0.75 * l2_floats;
  layer.crossing = shared && work.mr == 1 ? crossing_share(d) : 0.0;
  return layer;
}

// Slots that one block of a strip takes.
double block_slots(int mr, double vectors, const CostTable& costs) {
  if (mr == 1) {
    const double sets = vectors < 4 ? 4 : vectors < 7 ? 2 : 1;
    return std::max(vectors + costs.nonzero, costs.chains / sets);
  }
  return std::max(costs.chains, std::max(mr * vectors, vectors + mr + 1));
}

int64_t panel_floats(const Layer& layer, int64_t nr) {
  return round_up(layer.panel_tiles * nr + layer.halo, kLineFloats);
}

// What the strips of a tile are cut into.
struct Blocks {
  double count;      // of columns
  double per_strip;  // those with a nonzero
  double fill;       // of the L1 cache
};

// Slots of a strip's nonzeros in all blocks.
double nonzero_slots(const Layer& layer, const Blocks& blocks, double vectors,
                     const CostTable& costs) {
  const double crossing = costs.crossing * layer.crossing * vectors;
  if (!layer.pairs) return layer.nonzeros * (block_slots(layer.mr, vectors, costs) + crossing);
  const double in_common = blocks.count * layer.in_common.columns(layer.nonzeros / blocks.count,
                                                                  layer.columns / blocks.count);
  const double loads = 2 * layer.nonzeros - costs.saved * in_common;
  const double fmas = 2 * layer.nonzeros * std::max(vectors, costs.chains / 4);
  return std::max(fmas, loads * (std::max(vectors, costs.chains / 4) + costs.nonzero + crossing));
}

double tile_cost(const Layer& layer, const ConvTile& tile, const Blocks& blocks,
                 const CostTable& costs) {
  const double vectors = static_cast<double>(tile.nr) / 8;
  const double lines = static_cast<double>(
      (tile.position + tile.nr + kLineFloats - 1) / kLineFloats - tile.position / kLineFloats);
  const double visits = layer.strips * blocks.per_strip;
  double cost = layer.strips * nonzero_slots(layer, blocks, vectors, costs);
  cost += visits * (layer.mr * vectors * (layer.pairs ? costs.pair_vector : costs.strip_vector) +
                    (layer.pairs ? costs.pair_strip : costs.strip));
  cost += layer.strips * layer.mr * vectors * costs.row_vector;
  cost += (layer.pairs ? costs.pair_line : costs.line) * visits * layer.mr * lines;
  cost += (layer.far_weights ? costs.far_weight_line : costs.weight_line) * layer.weight_lines;
  const double full = layer.csr ? costs.full_csr : costs.full;
  if (blocks.fill > full) {
    const double reads = layer.strips * layer.nonzeros * (layer.pairs ? 2 : 1);
    cost += reads * lines * costs.too_large * (1 - full / blocks.fill);
  }
  if (layer.packed) {
    const double run = static_cast<double>(panel_floats(layer, tile.nr)) / layer.panel_tiles;
    cost += layer.runs * run / 8 * costs.pack_vector;
  } else {
    // A line that two tiles share is still in L1 for the second where one tile of x fits.
    const bool stays = layer.within_l2 && blocks.count == 1 &&
                       blocks.fill * lines * kLineFloats <= costs.full * tile.nr;
    const double fetched = stays ? static_cast<double>(tile.nr) / kLineFloats : lines;
    cost += costs.line * layer.channels * fetched + costs.far_plane * layer.far_planes;
  }
  return cost;
}

double cost_of(const Layer& layer, const std::vector<ConvTile>& tiles, double budget,
               const Machine& machine) {
  int64_t widest = 0;
  for (const ConvTile& tile : tiles) widest = std::max<int64_t>(widest, tile.nr);
  const int64_t run = layer.packed ? panel_floats(layer, widest) : widest;
  const double bytes = layer.runs * static_cast<double>(run) * 4;
  Blocks blocks;
  blocks.count = std::max(1.0, std::ceil(bytes / budget));
  blocks.fill = bytes / blocks.count / static_cast<double>(machine.l1_bytes);
  // Strips with no nonzero in a middle block are left out of it.
  const double present = 1 - std::exp(-layer.nonzeros / blocks.count);
  blocks.per_strip = blocks.count < 3 ? blocks.count : 2 + (blocks.count - 2) * present;
  double cost = 0;
  for (const ConvTile& tile : tiles) cost += tile_cost(layer, tile, blocks, machine.costs);
  return cost;
}

}  // namespace

ConvChoice choose_by_loads(const ConvDesc& desc, const ConvWork& work, bool direct,
                           const Machine& machine) {
  if (direct && packs_planes(desc, work, machine)) direct = false;
  const Features have = machine.have;
  const int step = spmm_unit(have);
  const double l1 = static_cast<double>(machine.l1_bytes);
  ConvChoice best{direct ? ConvSource::direct : ConvSource::panel, step, machine.l1_bytes};
  double best_cost = -1;
  for (bool pairs : {false, true}) {
    if (pairs && (work.dense || work.mr > 1)) continue;
    const int widest = pairs ? spmm_pairs_max_nr(have) : spmm_max_nr(have, work.mr, machine.core);
    for (ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
      if (direct != (source == ConvSource::direct)) continue;
      if (source == ConvSource::shared && desc.window.kernel_h == 1) continue;
      const Layer layer = layer_of(desc, work, source, pairs, machine);
      for (int nr = step; nr <= widest; nr += step) {
        const std::vector<ConvTile> tiles = cut_tiles(desc.y.positions(), nr, machine);
        for (double share : kShares) {
          const double cost = cost_of(layer, tiles, share * l1, machine);
          if (best_cost >= 0 && cost >= best_cost) continue;
          best = {source, nr, static_cast<int64_t>(share * l1), pairs};
          best_cost = cost;
        }
      }
    }
  }
  return best;
}

}  // namespace secateur
