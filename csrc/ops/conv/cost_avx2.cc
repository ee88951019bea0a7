// The cost model for AVX2, in slots: the time of one 8-lane FMA or load, of which a core with two
// ports for each starts two a cycle. Tile width and block of columns are chosen together: wide
// tiles spend fewer slots on a nonzero's value and offset, but then fewer columns fit the L1 cache
// together, and between blocks of columns y is read and written again. docs/lab/cost-model.md
// has the measurements behind the constants.
#include <algorithm>
#include <cmath>

#include "kernels/spmm/spmm.h"
#include "ops/conv/cost.h"
#include "pack/row_pairs.h"

namespace secateur {
namespace {

constexpr double kNonzero = 0.7;      // CSR: a quarter of the values' load, half of the offsets'
constexpr double kStripVector = 1.6;  // per accumulator and block of columns: y in and out
constexpr double kStrip = 4.0;        // per strip and block of columns: loop exits, pointers
constexpr double kRowVector = 1.9;    // per vector of y: bias, clamp
constexpr double kLine = 3.7;         // per cache line of x or y that comes from beyond L1
constexpr double kWeightLine = 6.0;   // per cache line of weights
constexpr double kPackVector = 3.25;  // per vector of a packed run
constexpr double kCrossing = 0.7;     // CSR: per load that crosses a line
constexpr double kTooLarge = 1.0;     // per line of a nonzero that its block drove out of L1
constexpr double kFull = 0.9;         // share of L1 from which a block drives its own lines out
constexpr double kFullCsr = 0.73;     // CSR, the same: a strip's y and weights are more beside it
constexpr double kChains = 8.0;       // FMAs in flight that keep two ports of 4 cycles busy
constexpr double kFarPlane = 5.0;     // CSR: per tile of a plane read in place, on a far page
constexpr double kFarWeightLine = 10.5;  // CSR: per line of weights that L2 does not hold
// Pairs of CSR rows.
constexpr double kSaved = 0.7;       // of a load, for a column that both rows have
constexpr double kPairStrip = 1.0;   // as kStrip, for one that mostly hides behind FMAs
constexpr double kPairVector = 1.4;  // as kStripVector
constexpr double kPairLine = 4.7;    // as kLine, of y

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

Layer layer_of(const ConvDesc& d, const ConvWork& work, ConvSource source, bool pairs) {
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
  layer.far_planes = work.mr == 1 ? layer.channels * far_page_share(d) : 0.0;
  const double l2_floats = static_cast<double>(l2_bytes()) / 4;
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
double block_slots(int mr, double vectors) {
  if (mr == 1) {
    const double sets = vectors < 4 ? 4 : vectors < 7 ? 2 : 1;
    return std::max(vectors + kNonzero, kChains / sets);
  }
  return std::max(kChains, std::max(mr * vectors, vectors + mr + 1));
}

// Tiles of block rows are packed in pairs (conv_plan.cc): two of 24 positions fill three lines.
int tiles_per_panel(int mr) { return mr >= 4 ? 2 : 1; }

int64_t panel_floats(const Layer& layer, int64_t nr) {
  return round_up(tiles_per_panel(layer.mr) * nr + layer.halo, kLineFloats);
}

// What the strips of a tile are cut into.
struct Blocks {
  double count;      // of columns
  double per_strip;  // those with a nonzero
  double fill;       // of the L1 cache
};

// Slots of a strip's nonzeros in all blocks.
double nonzero_slots(const Layer& layer, const Blocks& blocks, double vectors) {
  const double crossing = kCrossing * layer.crossing * vectors;
  if (!layer.pairs) return layer.nonzeros * (block_slots(layer.mr, vectors) + crossing);
  const double in_common = blocks.count * layer.in_common.columns(layer.nonzeros / blocks.count,
                                                                  layer.columns / blocks.count);
  const double loads = 2 * layer.nonzeros - kSaved * in_common;
  const double fmas = 2 * layer.nonzeros * std::max(vectors, kChains / 4);
  return std::max(fmas, loads * (std::max(vectors, kChains / 4) + kNonzero + crossing));
}

double tile_cost(const Layer& layer, const ConvTile& tile, const Blocks& blocks) {
  const double vectors = static_cast<double>(tile.nr) / 8;
  const double lines = static_cast<double>(
      (tile.position + tile.nr + kLineFloats - 1) / kLineFloats - tile.position / kLineFloats);
  const double visits = layer.strips * blocks.per_strip;
  double cost = layer.strips * nonzero_slots(layer, blocks, vectors);
  cost += visits * (layer.mr * vectors * (layer.pairs ? kPairVector : kStripVector) +
                    (layer.pairs ? kPairStrip : kStrip));
  cost += layer.strips * layer.mr * vectors * kRowVector;
  cost += (layer.pairs ? kPairLine : kLine) * visits * layer.mr * lines;
  cost += (layer.far_weights ? kFarWeightLine : kWeightLine) * layer.weight_lines;
  const double full = layer.csr ? kFullCsr : kFull;
  if (blocks.fill > full) {
    const double reads = layer.strips * layer.nonzeros * (layer.pairs ? 2 : 1);
    cost += reads * lines * kTooLarge * (1 - full / blocks.fill);
  }
  if (layer.packed) {
    const double run =
        static_cast<double>(panel_floats(layer, tile.nr)) / tiles_per_panel(layer.mr);
    cost += layer.runs * run / 8 * kPackVector;
  } else {
    // A line that two tiles share is still in L1 for the second where one tile of x fits.
    const bool stays = layer.within_l2 && blocks.count == 1 &&
                       blocks.fill * lines * kLineFloats <= kFull * tile.nr;
    const double fetched = stays ? static_cast<double>(tile.nr) / kLineFloats : lines;
    cost += kLine * layer.channels * fetched + kFarPlane * layer.far_planes;
  }
  return cost;
}

double cost_of(const Layer& layer, const std::vector<ConvTile>& tiles, double budget, double l1) {
  int64_t widest = 0;
  for (const ConvTile& tile : tiles) widest = std::max<int64_t>(widest, tile.nr);
  const int64_t run = layer.packed ? panel_floats(layer, widest) : widest;
  const double bytes = layer.runs * static_cast<double>(run) * 4;
  Blocks blocks;
  blocks.count = std::max(1.0, std::ceil(bytes / budget));
  blocks.fill = bytes / blocks.count / l1;
  // Strips with no nonzero in a middle block are left out of it.
  const double present = 1 - std::exp(-layer.nonzeros / blocks.count);
  blocks.per_strip = blocks.count < 3 ? blocks.count : 2 + (blocks.count - 2) * present;
  double cost = 0;
  for (const ConvTile& tile : tiles) cost += tile_cost(layer, tile, blocks);
  return cost;
}

}  // namespace

ConvChoice choose_avx2_tiles(const ConvDesc& desc, const ConvWork& work, bool direct) {
  const int step = spmm_unit(Isa::avx2);
  const double l1 = static_cast<double>(l1_data_bytes());
  ConvChoice best{direct ? ConvSource::direct : ConvSource::panel, step, l1_data_bytes()};
  double best_cost = -1;
  for (bool pairs : {false, true}) {
    if (pairs && (work.dense || work.mr > 1)) continue;
    const int widest = pairs ? spmm_pairs_max_nr(Isa::avx2) : spmm_max_nr(Isa::avx2, work.mr);
    for (ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
      if (direct != (source == ConvSource::direct)) continue;
      if (source == ConvSource::shared && desc.window.kernel_h == 1) continue;
      const Layer layer = layer_of(desc, work, source, pairs);
      for (int nr = step; nr <= widest; nr += step) {
        const std::vector<ConvTile> tiles = cut_tiles(desc.y.positions(), nr, Isa::avx2);
        for (double share : kShares) {
          const double cost = cost_of(layer, tiles, share * l1, l1);
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
