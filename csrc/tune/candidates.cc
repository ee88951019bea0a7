#include "tune/candidates.h"

#include <algorithm>

#include "kernels/spmm/spmm.h"
#include "ops/conv/cost.h"
#include "ops/conv/internal.h"
#include "ops/conv/measured.h"
#include "pack/spmm_pack.h"

namespace secateur {
namespace {

constexpr int kWidths = 5;  // numbers of tiles that are tried for each strip

int64_t bounded(int64_t block_bytes) {
  return std::clamp(block_bytes, kLeastBlockBytes, kMostBlockBytes);
}

// The narrowest widths that give the fewest tiles, one more, and so on.
std::vector<int> widths(const ConvDesc& desc, int mr, bool pairs, const Machine& machine) {
  const int step = tile_step(machine);
  const int widest =
      pairs ? spmm_pairs_max_nr(machine.have) : spmm_max_nr(machine.have, mr, machine.core);
  std::vector<int> found;
  size_t tiles = 0;
  for (int nr = widest / step * step; nr > 0 && found.size() < kWidths; nr -= step) {
    const size_t count = cut_tiles(desc.y.positions(), nr, machine).size();
    if (count == tiles) {
      found.back() = nr;  // as many of them, more alike
    } else {
      found.push_back(nr);
    }
    tiles = count;
  }
  return found;
}

}  // namespace

ConvTuning planned_tuning(const ConvDesc& desc, bool dense, const Machine& machine) {
  ConvDesc as = desc;
  SparseRows rows;
  if (dense) {
    as.weight.format = WeightFormat::dense;
  } else {
    rows = decode_weight(desc.weight);
  }
  const ConvWork work = conv_work(as, rows, machine, {});
  const bool direct = reads_planes(as, begin_plan(as));
  const ConvPlan plan = plan_conv(as, work, machine, {});
  ConvWork chosen = work;
  chosen.mr = plan.mr;
  const ConvChoice choice = choose_tiles(as, chosen, direct, machine);
  ConvTuning tuning;
  tuning.dense = dense ? 1 : 0;
  tuning.nr = choice.nr;
  tuning.block_bytes = bounded(choice.block_bytes);
  tuning.source = static_cast<int>(plan.source);
  tuning.mr = plan.mr;
  tuning.pairs = plan.pairs ? 1 : 0;
  return tuning;
}

std::vector<ConvTuning> vary_tiles(const ConvDesc& desc, const ConvTuning& from,
                                   const Machine& machine) {
  std::vector<ConvTuning> found = {from};
  const bool dense = from.dense == 1;
  const int tallest = dense                                     ? 8
                      : desc.weight.format == WeightFormat::bsr ? desc.weight.block_rows
                                                                : 1;
  for (const int mr : {1, 2, 4, 8}) {
    if (mr > tallest || (dense && mr < 4)) continue;
    if (desc.weight.format == WeightFormat::bsr && !dense && tallest % mr != 0) continue;
    if (spmm_max_nr(machine.have, mr, machine.core) == 0) continue;
    for (const int pairs : {0, 1}) {
      if (pairs == 1 && (dense || mr > 1 || spmm_pairs_max_nr(machine.have) == 0)) continue;
      if (!dense && mr == 1 && pairs == 0 && from.pairs == 1) continue;  // never seen to win
      for (const int nr : widths(desc, mr, pairs == 1, machine)) {
        if (mr == from.mr && pairs == from.pairs && nr == from.nr) continue;
        ConvTuning tuning = from;
        tuning.mr = mr;
        tuning.pairs = pairs;
        tuning.nr = nr;
        found.push_back(tuning);
      }
    }
  }
  return found;
}

std::vector<ConvTuning> vary_blocks(const ConvDesc& desc, const ConvTuning& from,
                                    const Machine& machine) {
  std::vector<ConvTuning> found;
  const Window& w = desc.window;
  const int64_t runs = int64_t{desc.x.channels} / desc.groups * w.kernel_h * w.kernel_w;
  const auto blocks = [&](int64_t bytes) { return (runs * from.nr * 4 + bytes - 1) / bytes; };
  for (const double share : {0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0}) {
    const int64_t bytes =
        bounded(static_cast<int64_t>(share * static_cast<double>(machine.l1_bytes)));
    bool known = blocks(bytes) == blocks(from.block_bytes);
    for (const ConvTuning& t : found) known = known || blocks(t.block_bytes) == blocks(bytes);
    if (known) continue;
    found.push_back(from);
    found.back().block_bytes = bytes;
  }
  const bool direct = reads_planes(desc, begin_plan(desc));
  for (const ConvSource source : {ConvSource::direct, ConvSource::panel, ConvSource::shared}) {
    if (static_cast<int>(source) == from.source) continue;
    if (source == ConvSource::direct && !direct) continue;
    if (source == ConvSource::shared && (direct || w.kernel_h == 1)) continue;
    found.push_back(from);
    found.back().source = static_cast<int>(source);
  }
  return found;
}

}  // namespace secateur
