// The cost model of instructions (AArch64): executed instructions and first-level cache misses, for
// which tile width and blocks of columns are chosen together. Wide tiles spend fewer instructions
// on a nonzero's value and offset, but their blocks of columns are short, and between blocks y is
// read and written again; narrow tiles read the weights more often. docs/lab/spmm-neon.md has
// the counts behind the constants and what the choice does to whole networks.
#include <algorithm>
#include <cmath>

#include "kernels/spmm/spmm.h"
#include "ops/conv/cost.h"

namespace secateur {
namespace {

constexpr double kLineBytes = 64.0;

// Of a Cortex-A72's first-level cache, 32 KB in two ways. Larger ones hold more lines to a set.
constexpr int kSets = 256;
constexpr double kSetsBytes = kSets * 2 * kLineBytes;
constexpr int kMostLines = 16;  // of one block in a set

struct Layer {
  double strips, nonzeros;  // nonzeros: of a strip
  double channels;
  double runs;
  double use;  // share of the strips that read a line of x in its block
  int64_t halo;
  int64_t plane_lines;  // from plane to plane
  int64_t window_rows;  // positions that a tile's window reaches beyond it
  bool packed;
  int mr;
  double nonzero_bytes;
};

struct Blocks {
  double count;
  double strips;  // blocks that a strip takes part in: those in the middle without a nonzero of it
                  // leave it out
  double bytes;   // of activations in one
};

// A strip's instructions for one tile, all blocks.
double instructions(const Layer& layer, double vectors, const Blocks& blocks,
                    const CostTable& costs) {
  const double loads = layer.mr == 1 ? std::ceil(vectors / 4) : std::ceil(vectors / 2);
  return layer.nonzeros * (layer.mr * vectors + loads + costs.nonzero) +
         blocks.strips * (layer.mr * vectors * costs.strip_vector + costs.strip) +
         layer.mr * vectors * costs.row_vector + costs.row;
}

// How often a line of a block of columns is gone when a strip reads it again. Its set holds n lines
// of the block, each read by a share `use` of the strips; `streams` others enter a strip, and two
// other lines drive it out of two ways. All independent, so that the next to come is one of them
// by their rates; the second one is another than the first.
double gone(double n, double use, double streams) {
  const double all = streams + n * use, others = all - use;
  return streams / all * others / all + (n - 1) * use / all * (others - use) / others;
}

// share[n]: of the sets, those that hold n lines of a block of columns.
struct Sets {
  double share[kMostLines + 1] = {};

  void add(double lines, double weight) {
    lines = std::min(lines, kMostLines - 1.0);
    const int low = static_cast<int>(lines);
    share[low] += weight * (1 - (lines - low));
    share[low + 1] += weight * (lines - low);
  }
};

// Panels are contiguous, and spread_channels() makes blocks of planes nearly as even. Where one
// block takes all planes, their stride decides: it is an odd number of lines, which spreads them,
// but not always evenly (56x56: 197 lines, so that every thirteenth plane starts one set further
// on, and tiles of four lines overlap four deep).
Sets sets_of(const Layer& layer, double lines, const Blocks& blocks, double scale) {
  Sets sets;
  if (layer.packed || blocks.count > 1) {
    const double block =
        layer.packed ? blocks.bytes / kLineBytes : layer.channels / blocks.count * lines;
    sets.add(block / kSets / scale, 1);
    return sets;
  }
  int of_set[kSets] = {};
  for (int64_t plane = 0; plane < static_cast<int64_t>(layer.channels); plane++) {
    for (int64_t i = 0; i < static_cast<int64_t>(lines); i++) {
      of_set[(plane * layer.plane_lines + i) % kSets]++;
    }
  }
  for (int count : of_set) sets.add(count / scale, 1.0 / kSets);
  return sets;
}

// First-level misses of one tile: x once, what streams past its blocks of columns (y, weights), and
// the lines of a block again that those drive out. An eighth or less off what the emulator counts
// for the choices made on MobileNetV1 at 90%, a quarter for everything tried there.
double misses(const Layer& layer, double nr, const Blocks& blocks, double l1, double tiles) {
  const double lines = std::ceil(nr * 4 / kLineBytes);
  const double x =
      layer.channels *
      (layer.packed ? (nr + static_cast<double>(layer.window_rows)) * 4 / kLineBytes : lines);
  const double passes = layer.strips * blocks.strips;
  const double y = passes * layer.mr * lines;
  const double weight_bytes =
      layer.strips * layer.nonzeros * layer.nonzero_bytes + 8 * passes;  // 8: its row and its end
  double weights = weight_bytes / kLineBytes;
  if (weight_bytes + blocks.bytes < l1 * 0.4) weights /= tiles;  // they stay from tile to tile
  const double scale = l1 / kSetsBytes;
  const double streams = (y + weights) / passes / kSets / scale;
  const Sets sets = sets_of(layer, lines, blocks, scale);
  double again = 0;
  for (int n = 1; n <= kMostLines; n++) {
    if (sets.share[n] > 0) again += sets.share[n] * n * gone(n, layer.use, streams);
  }
  return x + y + weights + again * kSets * scale * layer.use * passes;
}

Layer layer_of(const ConvDesc& d, const ConvWork& work, ConvSource source) {
  const Window& w = d.window;
  const double taps = w.kernel_h * w.kernel_w;
  const ConvSplit split = plan_split(d);
  Layer layer;
  layer.channels = static_cast<double>(d.x.channels) / d.groups;
  layer.strips = static_cast<double>(d.y.channels) / d.groups / work.mr;
  layer.nonzeros = layer.channels * taps * work.density;
  const int64_t pitch = split.used ? split.phases * split.phase_floats : d.x.plane_stride;
  layer.plane_lines = pitch / kLineFloats;
  layer.window_rows = int64_t{w.kernel_h - 1} * w.dilation_h / w.stride_h * d.y.width;
  layer.halo = source == ConvSource::shared ? layer.window_rows : 0;
  layer.runs = layer.channels * (source == ConvSource::shared ? w.kernel_w * w.stride_h : taps);
  layer.use = std::clamp(layer.nonzeros / layer.runs, 1e-6, 1.0);
  layer.packed = source != ConvSource::direct;
  layer.mr = work.mr;
  layer.nonzero_bytes = 4.0 * (work.mr + (work.dense ? 0 : 1));
  return layer;
}

// Bytes of activations that all columns touch in one tile.
double all_bytes(const Layer& layer, int64_t widest) {
  const int64_t run = widest + layer.halo;
  return layer.runs * 4.0 * static_cast<double>(layer.packed ? round_up(run, kLineFloats) : run);
}

double cost_of(const Layer& layer, const std::vector<ConvTile>& tiles, const Blocks& blocks,
               const Machine& machine) {
  const CostTable& costs = machine.costs;
  const double l1 = static_cast<double>(machine.l1_bytes);
  const double count = static_cast<double>(tiles.size());
  double cost = 0, last = 0;
  int32_t width = -1;
  for (const ConvTile& tile : tiles) {
    if (tile.nr != width) {
      width = tile.nr;
      last = layer.strips * instructions(layer, width / 4.0, blocks, costs) +
             costs.miss * misses(layer, width, blocks, l1, count);
      if (layer.packed) {
        const auto lanes = static_cast<double>(round_up(width + layer.halo, kLineFloats));
        last += layer.runs * (lanes / 4 * costs.pack_vector + costs.pack_run);
      }
    }
    cost += last;
  }
  return cost;
}

}  // namespace

ConvChoice choose_by_instructions(const ConvDesc& desc, const ConvWork& work, bool direct,
                                  const Machine& machine) {
  const CostTable& costs = machine.costs;
  const int step = spmm_unit(machine.have);
  const int widest = spmm_max_nr(machine.have, work.mr, machine.core);
  const double l1 = static_cast<double>(machine.l1_bytes);
  ConvChoice best{direct ? ConvSource::direct : ConvSource::panel, step, machine.l1_bytes};
  double best_cost = -1;
  for (ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
    if (direct != (source == ConvSource::direct)) continue;
    if (source == ConvSource::shared && desc.window.kernel_h == 1) continue;
    const Layer layer = layer_of(desc, work, source);
    int64_t before = 0;  // widest tile of the cut before, which wider limits may repeat
    for (int nr = step; nr <= widest; nr += step) {
      const std::vector<ConvTile> tiles = cut_tiles(desc.y.positions(), nr, machine);
      int64_t lanes = 0;
      for (const ConvTile& tile : tiles) lanes = std::max<int64_t>(lanes, tile.nr);
      if (lanes == before) continue;
      before = lanes;
      const double bytes = all_bytes(layer, lanes);
      const double first = std::max(1.0, std::ceil(bytes / (l1 * costs.largest_share)));
      for (double count = first; count == first || bytes / count >= l1 * costs.least_share;
           count += std::max(1.0, std::floor(count / 16))) {
        const double present = 1 - std::exp(-layer.nonzeros / count);
        const double strips = count < 3 ? count : 2 + (count - 2) * present;
        const double cost = cost_of(layer, tiles, {count, strips, bytes / count}, machine);
        if (best_cost >= 0 && cost >= best_cost) continue;
        const double budget = count == 1 ? std::max(bytes, l1 * costs.panel_share) : bytes / count;
        best = {source, nr, static_cast<int64_t>(std::ceil(budget))};
        best_cost = cost;
      }
    }
  }
  return best;
}

std::vector<int32_t> spread_channels(int64_t channels, int64_t plane_lines, int blocks) {
  int32_t place[kSets + 1] = {};  // of a set's next channel, in the order of sets
  for (int64_t c = 0; c < channels; c++) place[c * plane_lines % kSets + 1]++;
  for (int set = 0; set < kSets; set++) place[set + 1] += place[set];
  std::vector<int32_t> block_of;
  for (int64_t c = 0; c < channels; c++) {
    block_of.push_back(place[c * plane_lines % kSets]++ % blocks);
  }
  return block_of;
}

}  // namespace secateur
