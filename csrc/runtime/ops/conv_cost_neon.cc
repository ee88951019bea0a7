// The cost model on AArch64: executed instructions and first-level cache misses, for which tile
// width and block of columns are chosen together. Wide tiles spend fewer instructions on a
// nonzero's value and offset, but their blocks of columns are short, and between blocks y is read
// and written again; narrow tiles read the weights more often. docs/kernels.md, "AArch64", has the
// counts behind the constants and what the choice does to whole networks.
#include <algorithm>
#include <cmath>

#include "kernels/spmm/spmm.h"
#include "runtime/ops/conv_cost.h"

namespace secateur {
namespace {

// Instructions, counted on the loops of kernels/spmm/neon.cc.
constexpr double kNonzero = 2.6;      // offset, its share of the values' load and of the loop
constexpr double kStripVector = 1.0;  // sums in and out, by pairs
constexpr double kRowVector = 2.0;    // once a row: bias, clamp
constexpr double kStrip = 28.0;       // loop exits, the nonzeros left over by fours
constexpr double kPackVector = 4.0;
constexpr double kPackRun = 35.0;

// Instructions that run in the time of one miss: ten to fifteen cycles to the second level, at the
// 1.75 instructions a cycle that a Cortex-A72 executes of these loops at best.
constexpr double kMiss = 24.0;
constexpr double kLineBytes = 64.0;

// Shares of the first-level cache that one block of columns may take.
constexpr double kShares[] = {0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5};

struct Layer {
  double strips, nonzeros;  // nonzeros: of a strip
  double channels;
  double runs;
  int64_t halo;
  int64_t plane_lines;  // from plane to plane
  int64_t window_rows;  // positions that a tile's window reaches beyond it
  bool packed;
  int mr;
  double nonzero_bytes;
};

// A strip's instructions for one tile, all blocks.
double instructions(const Layer& layer, double vectors, double strip_blocks) {
  const double loads = layer.mr == 1 ? std::ceil(vectors / 4) : std::ceil(vectors / 2);
  return layer.nonzeros * (layer.mr * vectors + loads + kNonzero) +
         strip_blocks * (layer.mr * vectors * kStripVector + kStrip) +
         layer.mr * vectors * kRowVector;
}

// The share of a block's lines beyond the two that each set of the cache holds: planes start an odd
// number of lines apart, which spreads them, but not always evenly (56x56: 197 lines, so that every
// thirteenth plane starts one set further on, and tiles of four lines overlap four deep).
double crowding(const Layer& layer, double nr, double block_bytes, double l1) {
  constexpr int kSets = 256;
  if (layer.packed) return std::max(0.0, 1 - l1 / block_bytes);
  const double scale = l1 / (kSets * 2 * kLineBytes);  // larger caches: more lines to a set
  const int64_t stride = layer.plane_lines, lines = (static_cast<int64_t>(nr) * 4 + 63) / 64;
  const auto planes = static_cast<int64_t>(block_bytes / (nr * 4));
  int of_set[kSets] = {};
  for (int64_t plane = 0; plane < planes; plane++) {
    for (int64_t line = 0; line < lines; line++) of_set[(plane * stride + line) % kSets]++;
  }
  double beyond = 0;
  for (int count : of_set) beyond += std::max(0.0, count - 2 * scale);
  return beyond / std::max(1.0, static_cast<double>(planes * lines));
}

// First-level misses of one tile. What streams past a block of columns (y, weights) misses, and so
// do the lines of the block that it drives out: few while the block leaves half of the cache free,
// as many again and half of that once it fills it. Fitted to a simulation of the kernels' accesses
// on a 32 KB two-way cache, which it meets within a fifth.
double misses(const Layer& layer, double nr, double block_bytes, double l1, double strip_blocks,
              double tiles) {
  const double lines = std::max(1.0, nr * 4 / kLineBytes);
  const double x =
      layer.channels *
      (layer.packed ? (nr + static_cast<double>(layer.window_rows)) * 4 / kLineBytes : lines);
  const double y = layer.strips * layer.mr * strip_blocks * lines;
  const double weight_bytes = layer.strips * layer.nonzeros * layer.nonzero_bytes;
  double weights = weight_bytes / kLineBytes;
  if (weight_bytes + block_bytes < l1 * 0.4) weights /= tiles;  // they stay from tile to tile
  const double fill = block_bytes / l1;
  const double driven_out =
      0.25 * std::min(1.0, fill * 2) + 1.25 * std::clamp(fill * 2 - 1, 0.0, 1.0);
  const double again = 0.75 * crowding(layer, nr, block_bytes, l1);
  return x + (y + weights) * (1 + driven_out) + layer.strips * layer.nonzeros * lines * again;
}

Layer layer_of(const ConvDesc& d, const ConvWork& work, ConvSource source) {
  const Window& w = d.window;
  const double taps = w.kernel_h * w.kernel_w;
  Layer layer;
  layer.channels = static_cast<double>(d.x.channels) / d.groups;
  layer.strips = static_cast<double>(d.y.channels) / d.groups / work.mr;
  layer.nonzeros = layer.channels * taps * work.density;
  layer.plane_lines = d.x.plane_stride / kLineFloats;
  layer.window_rows = int64_t{w.kernel_h - 1} * w.dilation_h / w.stride_h * d.y.width;
  layer.halo = source == ConvSource::shared ? layer.window_rows : 0;
  layer.runs = layer.channels * (source == ConvSource::shared ? w.kernel_w * w.stride_h : taps);
  layer.packed = source != ConvSource::direct;
  layer.mr = work.mr;
  layer.nonzero_bytes = 4.0 * (work.mr + (work.dense ? 0 : 1));
  return layer;
}

double cost_of(const Layer& layer, const std::vector<ConvTile>& tiles, double budget, double l1) {
  int64_t widest = 0;
  for (const ConvTile& tile : tiles) widest = std::max<int64_t>(widest, tile.nr);
  int64_t run = widest + layer.halo;
  if (layer.packed) run = round_up(run, kLineFloats);
  const double bytes = layer.runs * static_cast<double>(run) * 4;
  const double blocks = std::max(1.0, std::ceil(bytes / budget));
  // Strips with no nonzero in a middle block are left out of it.
  const double present = 1 - std::exp(-layer.nonzeros / blocks);
  const double strip_blocks = blocks < 3 ? blocks : 2 + (blocks - 2) * present;
  double cost = 0;
  for (const ConvTile& tile : tiles) {
    const double nr = tile.nr;
    cost += layer.strips * instructions(layer, nr / 4, strip_blocks);
    cost += kMiss *
            misses(layer, nr, bytes / blocks, l1, strip_blocks, static_cast<double>(tiles.size()));
    if (layer.packed) {
      const double lines = static_cast<double>(round_up(tile.nr + layer.halo, kLineFloats));
      cost += layer.runs * (lines / 4 * kPackVector + kPackRun);
    }
  }
  return cost;
}

}  // namespace

ConvChoice choose_neon_tiles(const ConvDesc& desc, const ConvWork& work, bool direct) {
  const int step = spmm_unit(Isa::neon), widest = spmm_max_nr(Isa::neon, work.mr);
  const double l1 = static_cast<double>(l1_data_bytes());
  ConvChoice best{direct ? ConvSource::direct : ConvSource::panel, step, block_bytes(work)};
  double best_cost = -1;
  for (ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
    if (direct != (source == ConvSource::direct)) continue;
    if (source == ConvSource::shared && desc.window.kernel_h == 1) continue;
    const Layer layer = layer_of(desc, work, source);
    for (int nr = step; nr <= widest; nr += step) {
      const std::vector<ConvTile> tiles = cut_tiles(desc.y.positions(), nr, Isa::neon);
      for (double share : kShares) {
        const double cost = cost_of(layer, tiles, share * l1, l1);
        if (best_cost >= 0 && cost >= best_cost) continue;
        best = {source, nr, static_cast<int64_t>(share * l1)};
        best_cost = cost;
      }
    }
  }
  return best;
}

}  // namespace secateur
