#include "ops/conv/plan_f16.h"

#include "kernels/spmm_f16/spmm_f16.h"

namespace secateur {
namespace {

// What a strip costs in instructions, for a tile of nr positions (kernels/spmm_f16/neonfp16.cc).
struct StripCost {
  int mr;
  double nonzeros;  // of a strip
  double runs;      // activations under all columns
  double l1_bytes;

  double blocks(double nr) const { return std::max(1.0, runs * nr * 2 / l1_bytes); }
  int64_t operator()(int64_t nr) const {
    const double vectors = static_cast<double>(nr) / kSpmmF16Unit;
    const double loads = (nr + 31) / 32 * (mr == 1 ? 1.0 : 2.0);
    const double each = loads + mr * vectors + (mr == 1 ? 1.65 : 2.5);
    const double of_block = 2 * mr * vectors + 20;
    return static_cast<int64_t>(16 *
                                (nonzeros * each + blocks(static_cast<double>(nr)) * of_block));
  }
};

std::vector<int32_t> widths_of(Features have, int mr, int64_t widest) {
  std::vector<int32_t> widths;
  int count = 0;
  const SpmmF16Kernel* kernels = spmm_f16_kernels(&count);
  for (int i = 0; i < count; i++) {
    const SpmmF16Kernel& kernel = kernels[i];
    if (kernel.mr == mr && kernel.nr <= widest && have.meets(kernel.isa)) {
      widths.push_back(kernel.nr);
    }
  }
  return widths;
}

}  // namespace

ConvPlan plan_conv_f16(const ConvDesc& d, const ConvWork& work, const Machine& machine,
                       const ConvTuning& tuning) {
  ConvPlan plan = begin_plan(d);
  plan.dense = work.dense;
  plan.mr = work.mr;
  const Window& w = d.window;
  plan.source = reads_planes(d, plan) ? ConvSource::direct
                : w.kernel_h > 1      ? ConvSource::shared
                                      : ConvSource::panel;
  if (tuning.source >= 0) plan.source = static_cast<ConvSource>(tuning.source);
  const double columns = static_cast<double>(d.x.channels / d.groups) * w.kernel_h * w.kernel_w;
  const double runs = plan.source == ConvSource::shared ? columns / w.kernel_h : columns;
  const StripCost cost{work.mr, work.density * columns, runs,
                       static_cast<double>(machine.l1_bytes)};
  const std::vector<int32_t> widths =
      widths_of(machine.have, work.mr, tuning.nr ? tuning.nr : INT16_MAX);
  plan.tiles = cheapest_tiles(d.y.positions(), kSpmmF16Unit, widths, cost);
  // The layout counts four bytes an element.
  Machine twice = machine;
  twice.l1_bytes *= 2;
  lay_out_plan(d, work.density, tuning.block_bytes ? tuning.block_bytes : twice.l1_bytes, twice,
               &plan);
  return plan;
}

}  // namespace secateur
