#include "ops/conv/plan.h"

#include <algorithm>
#include <limits>

#include "kernels/spmm/spmm.h"
#include "ops/conv/cost.h"

namespace secateur {
namespace {

// The runs of (input row of output row 0, kernel column): the rows of the output whose input row
// exists are contiguous positions.
PanelTap make_tap(const ConvDesc& d, const ConvPlan& plan, int row0, int kernel_col) {
  const Window& w = d.window;
  const int col0 = kernel_col * w.dilation_w - w.pad_left;
  // Output rows i with 0 <= i * stride + row0 < height.
  const int64_t first = row0 >= 0 ? 0 : (-row0 + w.stride_h - 1) / w.stride_h;
  const int64_t last = row0 >= d.x.height ? 0 : (d.x.height - row0 + w.stride_h - 1) / w.stride_h;
  PanelTap tap;
  if (plan.split.used) {
    const int slot = plan.split.slot(w, floor_mod(row0, w.stride_h), floor_mod(col0, w.stride_w));
    tap.source = slot * plan.split.phase_floats + int64_t{floor_div(row0, w.stride_h)} * d.y.width +
                 floor_div(col0, w.stride_w);
  } else {
    tap.source = int64_t{row0} * d.x.width + col0;
  }
  tap.mask = kernel_col;
  tap.begin = static_cast<int32_t>(first * d.y.width);
  tap.end = static_cast<int32_t>(std::max(first, last) * d.y.width);
  return tap;
}

// Where the weight's columns of one channel, kernel row by kernel row, find their activations.
struct ColumnPlace {
  int32_t tap;
  int32_t shift;  // floats into its run
};

std::vector<ColumnPlace> lay_out_taps(const ConvDesc& d, bool share, ConvPlan* plan) {
  const Window& w = d.window;
  std::vector<ColumnPlace> places;
  // Shared: the first tap of a row phase that the kernel meets.
  std::vector<int32_t> tap_of_phase(static_cast<size_t>(w.stride_h), -1);
  for (int r = 0; r < w.kernel_h; r++) {
    const int row = r * w.dilation_h;
    int32_t& shared = tap_of_phase[row % w.stride_h];
    const bool pack = !share || shared < 0;
    const int32_t first = pack ? static_cast<int32_t>(plan->taps.size()) : shared;
    shared = first;
    for (int s = 0; s < w.kernel_w; s++) {
      places.push_back({first + s, share ? row / w.stride_h * d.y.width : 0});
      const int row0 = (share ? row % w.stride_h : row) - w.pad_top;
      if (pack) plan->taps.push_back(make_tap(d, *plan, row0, s));
    }
  }
  return places;
}

// Masks and index for every position that a run of a tile may ask for.
void lay_out_positions(const ConvDesc& d, ConvPlan* plan) {
  const Window& w = d.window;
  int64_t positions = 0;
  for (int64_t panel = 0; panel < plan->panels(); panel++) {
    const int64_t first = plan->tiles[panel * plan->tiles_per_panel].position;
    const ConvTile& last = plan->tiles[plan->panel_end(panel) - 1];
    const int64_t length = last.position + last.nr - first + plan->run_length;
    positions = std::max(positions, first + round_up(length, 16));
  }
  plan->mask_stride = positions;
  plan->masks.assign(static_cast<size_t>(positions * w.kernel_w), 0);
  for (int s = 0; s < w.kernel_w; s++) {
    for (int64_t q = 0; q < positions; q++) {
      const int64_t col = q % d.y.width * w.stride_w + int64_t{s} * w.dilation_w - w.pad_left;
      plan->masks[s * positions + q] = col >= 0 && col < d.x.width ? -1 : 0;
    }
  }
  if (plan->split.used) return;
  if (w.stride_h == 1 && w.stride_w == 1 && d.x.width == d.y.width) return;
  for (int64_t q = 0; q < positions; q++) {
    plan->index.push_back(
        static_cast<int32_t>(q / d.y.width * w.stride_h * d.x.width + q % d.y.width * w.stride_w));
  }
}

// Low bits that are clear in the bytes of so many floats, and so in codes (kernels/spmm/spmm.h).
int clear_bits(int64_t floats) {
  int bits = 2;
  for (; floats % 2 == 0; floats /= 2) bits++;
  return bits;
}

// Floats that 16-bit codes tell apart.
int64_t code_reach(int shift) { return (int64_t{1} << 16 << shift) / 4; }

// Whether codes reach from the first of the rows that share a run to the last.
bool shares_within_reach(const ConvDesc& d) {
  const int64_t rows = int64_t{d.window.kernel_h - 1} * d.window.dilation_h / d.window.stride_h;
  return rows * d.y.width < code_reach(clear_bits(d.y.width | kLineFloats));
}

// Blocks of whole groups of `together` runs, and of at most `reach` runs.
void cut_blocks(int64_t runs, int64_t together, int64_t reach, int64_t run_bytes, int64_t budget,
                ConvPlan* plan) {
  const int64_t groups = runs / together, most = reach / together;
  plan->blocks = static_cast<int>(std::max<int64_t>(1, (runs * run_bytes + budget - 1) / budget));
  plan->blocks = static_cast<int>(std::max(int64_t{plan->blocks}, (groups + most - 1) / most));
  plan->blocks = static_cast<int>(std::min<int64_t>(plan->blocks, std::max<int64_t>(groups, 1)));
  for (int b = 0; b <= plan->blocks; b++) {
    plan->block_run.push_back(static_cast<int32_t>(groups * b / plan->blocks * together));
  }
}

// Tall strips have narrow tiles: the panels of several are packed at once, on some machines as long
// as they take one block and no more than the L1.
int choose_tiles_per_panel(const ConvPlan& plan, int64_t runs, int64_t nr, const Machine& machine) {
  int tiles = machine.most_panel_tiles(plan.mr);
  if (!machine.panel_in_l1) return tiles;
  const auto bytes = [&](int count) {
    return runs * round_up(count * nr + plan.run_length, 16) * 4;
  };
  while (tiles > 1 && bytes(tiles) > machine.l1_bytes) tiles /= 2;
  return tiles;
}

// Rows of a strip: less where they are dense and panels are packed or one tile takes the plane, if
// the machine gains by that.
int strip_height(const ConvDesc& d, const ConvWork& work, bool direct, const Machine& machine,
                 const ConvTuning& tuning) {
  const int packed = machine.dense_packed_mr;
  if (!work.dense || tuning.mr || packed == 0) return work.mr;
  const bool one_tile = d.y.positions() <= spmm_max_nr(machine.have, packed, machine.core);
  return !direct || one_tile ? packed : work.mr;
}

}  // namespace

int64_t ConvPlan::panel_floats() const {
  int64_t most = 0;
  if (source == ConvSource::direct) return 0;
  for (int b = 0; b < blocks; b++) {
    most = std::max(most, (block_run[b + 1] - block_run[b]) * run_floats);
  }
  return most;
}

ConvPlan begin_plan(const ConvDesc& d) {
  ConvPlan plan;
  plan.split = plan_split(d);
  plan.channel_floats =
      plan.split.used ? plan.split.phases * plan.split.phase_floats : d.x.plane_stride;
  return plan;
}

bool reads_planes(const ConvDesc& d, const ConvPlan& plan) {
  const Window& w = d.window;
  const bool pointwise = w.kernel_h == 1 && w.kernel_w == 1 && w.pad_top == 0 && w.pad_left == 0 &&
                         w.pad_bottom == 0 && w.pad_right == 0;
  const bool contiguous = plan.split.used || (w.stride_h == 1 && w.stride_w == 1);
  const int64_t group_bytes = (d.x.channels / d.groups) * plan.channel_floats * 4;
  return pointwise && contiguous && (plan.split.used || d.x.positions() > 1) &&
         group_bytes < std::numeric_limits<int32_t>::max();
}

ConvPlan plan_conv(const ConvDesc& d, const ConvWork& given, const Machine& machine,
                   const ConvTuning& tuning) {
  ConvPlan plan = begin_plan(d);
  plan.dense = given.dense;
  const bool direct = reads_planes(d, plan);
  ConvWork work = given;
  work.mr = plan.mr = strip_height(d, given, direct, machine, tuning);
  const ConvChoice choice = choose_tiles(d, work, direct, machine);
  plan.pairs = tuning.pairs >= 0 ? tuning.pairs == 1 : choice.pairs;
  plan.source = tuning.source >= 0 ? static_cast<ConvSource>(tuning.source) : choice.source;
  plan.tiles = cut_tiles(d.y.positions(), tuning.nr ? tuning.nr : choice.nr, machine);
  lay_out_plan(d, work.density, tuning.block_bytes ? tuning.block_bytes : choice.block_bytes,
               machine, &plan);
  return plan;
}

void lay_out_plan(const ConvDesc& d, double density, int64_t block_bytes, const Machine& machine,
                  ConvPlan* out) {
  ConvPlan& plan = *out;
  int64_t nr = 0;
  for (const ConvTile& tile : plan.tiles) nr = std::max<int64_t>(nr, tile.nr);

  if (plan.source == ConvSource::shared && !shares_within_reach(d)) plan.source = ConvSource::panel;
  const bool share = plan.source == ConvSource::shared;
  const std::vector<ColumnPlace> places = lay_out_taps(d, share, &plan);
  const int64_t channels = d.x.channels / d.groups;
  const int64_t taps = static_cast<int64_t>(plan.taps.size()), runs = channels * taps;
  int64_t run_bytes = nr * 4;
  if (plan.source != ConvSource::direct) {
    for (const ColumnPlace& place : places) {
      plan.run_length = std::max<int64_t>(plan.run_length, place.shift);
    }
    plan.tiles_per_panel = choose_tiles_per_panel(plan, runs, nr, machine);
    plan.run_floats = round_up(plan.tiles_per_panel * nr + plan.run_length, kLineFloats);
    run_bytes = plan.run_floats * 4;
    lay_out_positions(d, &plan);
  }
  const int64_t pitch = plan.source == ConvSource::direct ? plan.channel_floats : plan.run_floats;
  plan.shift = clear_bits(share ? pitch | d.y.width : pitch);
  const int64_t reach = (code_reach(plan.shift) - plan.run_length - 1) / pitch + 1;
  // Pairs of rows are packed from blocks that are runs of columns: all kernel rows of a shared run.
  plan.pairs = plan.pairs && (!share || taps <= reach);
  const int64_t together = plan.pairs && share ? taps : 1;
  cut_blocks(runs, together, reach, run_bytes, block_bytes, &plan);

  std::vector<int32_t> block_of_run(static_cast<size_t>(runs));
  for (int b = 0; b < plan.blocks; b++) {
    for (int32_t r = plan.block_run[b]; r < plan.block_run[b + 1]; r++) block_of_run[r] = b;
  }
  if (machine.spreads_channels && plan.source == ConvSource::direct) {
    block_of_run = spread_channels(runs, pitch / kLineFloats, plan.blocks);
  }
  for (int64_t channel = 0; channel < channels; channel++) {
    for (const ColumnPlace& place : places) {
      const int64_t run = channel * taps + place.tap;
      const int32_t block = block_of_run[run];
      const int64_t floats = (run - plan.block_run[block]) * pitch;
      plan.block_of_column.push_back(block);
      plan.offset_of_column.push_back(static_cast<int32_t>((floats + place.shift) * 4));
    }
  }
  plan.share = share_conv(d, density, plan.panels() * d.groups);
  // What stays with the layer keeps no more memory than it holds.
  plan.masks.shrink_to_fit();
  plan.index.shrink_to_fit();
  plan.tiles.shrink_to_fit();
}

}  // namespace secateur
