// How a convolution is cut for the SpMM kernels: where its activations are read from, into which
// tiles of positions, blocks of columns and parts of rows, decided once when the operator is made.
//
// Activations come as "runs": for each output position q of a tile, run i holds the input value
// that one (channel, kernel row, kernel column) meets there, zero where that is padding. Then a
// nonzero of the weight is one value and the address of its run, whatever the kernel size, stride,
// dilation or padding. Three sources:
//   direct   1x1, stride 1, no padding: a run is the input plane itself; nothing is copied.
//   panel    a run per (channel, r, s), packed for one tile and one block of columns at a time: no
//            more than an L1's worth of it exists at any moment. Also 1x1, where planes lie on more
//            pages than the TLB holds (cost.h, packs_planes).
//   shared   a run per (channel, s, r mod stride): the kernel rows read the same run, one output
//            width (a whole output row) further on. Fewer floats to pack, loads not aligned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/panel/panel.h"
#include "machine/machine.h"
#include "ops/conv/conv.h"
#include "ops/conv/share.h"
#include "ops/conv/split.h"

namespace secateur {

struct ConvTile {
  int32_t position;  // of its first lane
  int32_t nr;        // lanes
};

enum class ConvSource : int { direct = 0, panel, shared };

struct ConvPlan {
  ConvSource source = ConvSource::direct;
  ConvSplit split;             // the input is split in phases first
  int64_t channel_floats = 0;  // from one input channel to the next: planes, or their phases
  int mr = 1;
  bool pairs = false;  // of CSR rows
  bool dense = false;
  ConvShare share;  // of the panels of tiles, of all groups
  int blocks = 1;
  std::vector<ConvTile> tiles;
  int tiles_per_panel = 1;     // consecutive tiles whose runs are packed at once
  int64_t run_floats = 0;      // panel: floats from one run to the next
  int64_t run_length = 0;      // panel: floats of a run beyond its tile's nr (shared: the halo)
  std::vector<PanelTap> taps;  // the runs of each channel
  std::vector<int32_t> masks;  // [kernel_w][mask_stride]: where a kernel column meets the input
  std::vector<int32_t> index;  // of positions in the input; empty when they are the same
  int64_t mask_stride = 0;
  std::vector<int32_t> block_run;                          // [blocks + 1] first run of each block
  std::vector<int32_t> block_of_column, offset_of_column;  // bytes from the block's first run
  int shift = 2;  // offsets end in so many clear bits, and have no more than 16 before these

  int64_t panel_floats() const;  // the largest block's
  // Direct: from the first channel to the first of a block.
  int64_t block_floats(int block) const {
    return source == ConvSource::direct ? block_run[block] * channel_floats : 0;
  }
  int64_t panels() const {
    return (static_cast<int64_t>(tiles.size()) + tiles_per_panel - 1) / tiles_per_panel;
  }
  // One past the last tile of a panel.
  int64_t panel_end(int64_t panel) const {
    const int64_t end = (panel + 1) * tiles_per_panel, count = static_cast<int64_t>(tiles.size());
    return end < count ? end : count;
  }
};

// What the choice of tiles and blocks depends on, beside the shapes.
struct ConvWork {
  bool dense = false;
  int mr = 1;
  double density = 1;  // of the strips
};

// Choices taken out of the planner's hands: by what a profile measured (measured.h), by tests, and
// by the measurements that set its thresholds. Zero (-1 where that is a choice) leaves it to it.
struct ConvTuning {
  int dense = -1;           // of a weight stored sparse: 1 executes it dense
  int nr = 0;               // widest tile
  int64_t block_bytes = 0;  // of activations under one block of columns
  int source = -1;          // ConvSource
  int mr = 0;
  int pairs = -1;  // of CSR rows: 0 no, 1 yes
};

ConvPlan plan_conv(const ConvDesc& desc, const ConvWork& work, const Machine& machine,
                   const ConvTuning& tuning);

// To pack the runs of one block of columns for the tiles from `first` to `last`, padded with zeros.
template <typename T, typename Mask>
PanelArgsOf<T, Mask> panel_args(const ConvPlan& plan, const ConvTile& first, const ConvTile& last,
                                int block, const T* x, const Mask* masks, T* panel) {
  PanelArgsOf<T, Mask> args;
  args.taps = plan.taps.data();
  args.tap_count = static_cast<int64_t>(plan.taps.size());
  args.channel_floats = plan.channel_floats;
  args.first = plan.block_run[block];
  args.count = plan.block_run[block + 1] - plan.block_run[block];
  args.x = x;
  args.index = plan.index.empty() ? nullptr : plan.index.data();
  args.masks = masks;
  args.mask_stride = plan.mask_stride;
  args.position = first.position;
  args.length = last.position + last.nr - first.position + plan.run_length;
  args.panel = panel;
  args.run_floats = plan.run_floats;
  return args;
}

// Tiles of these widths, all multiples of `unit`, that cover the positions at the least cost of
// all of them. cost(nr): of a tile.
template <typename Cost>
std::vector<ConvTile> cheapest_tiles(int64_t positions, int64_t unit,
                                     const std::vector<int32_t>& widths, const Cost& cost) {
  int64_t left = round_up(positions, unit);
  std::vector<ConvTile> tiles;
  const auto add = [&](int32_t nr) {
    const int32_t at = tiles.empty() ? 0 : tiles.back().position + tiles.back().nr;
    tiles.push_back({at, nr});
  };
  for (; left > 8 * widths.back(); left -= widths.back()) add(widths.back());
  // cheapest[i]: of i units; last[i]: the tile that ends there.
  const auto units = static_cast<size_t>(left / unit);
  std::vector<int64_t> cheapest(units + 1, 0);
  std::vector<int32_t> last(units + 1, 0);
  for (size_t i = 1; i <= units; i++) {
    for (const int32_t nr : widths) {
      const auto before = static_cast<int64_t>(i) - nr / unit;
      if (before < 0) break;
      const int64_t total = cheapest[before] + cost(nr);
      if (last[i] > 0 && total >= cheapest[i]) continue;
      cheapest[i] = total;
      last[i] = nr;
    }
  }
  std::vector<int32_t> chosen;
  for (auto i = static_cast<int64_t>(units); i > 0; i -= chosen.back() / unit) {
    chosen.push_back(last[i]);
  }
  std::sort(chosen.rbegin(), chosen.rend());
  for (const int32_t nr : chosen) add(nr);
  return tiles;
}

// In three steps, for who chooses otherwise (plan_i8.h). The first: phases of the input.
ConvPlan begin_plan(const ConvDesc& desc);
// Whether its planes, or their phases, can be read in place.
bool reads_planes(const ConvDesc& desc, const ConvPlan& plan);
// The last, when `plan` has its source, mr, pairs and tiles. density: of the strips.
void lay_out_plan(const ConvDesc& desc, double density, int64_t block_bytes, const Machine& machine,
                  ConvPlan* plan);

}  // namespace secateur
