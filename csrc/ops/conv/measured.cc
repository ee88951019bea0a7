#include "ops/conv/measured.h"

#include <algorithm>
#include <cmath>

#include "kernels/spmm/spmm.h"
#include "ops/conv/cost.h"

namespace secateur {
namespace {

bool same_layer(const MeasuredPlan& a, const MeasuredPlan& b) {
  return std::equal(a.value.begin(), a.value.begin() + kKeyColumns, b.value.begin());
}

// Whether a plan read from a file can be followed. Of one position nothing is chosen but `dense`.
bool sound(const MeasuredPlan& plan, const ConvDesc& desc, const Machine& machine) {
  const bool stored_dense = desc.weight.format == WeightFormat::dense;
  const int64_t dense = plan[Column::dense], mr = plan[Column::mr], nr = plan[Column::nr];
  if (dense < 0 || dense > 1 || (stored_dense && dense == 0)) return false;
  if (dense == 1 && !stored_dense && plan[Column::per_mille] < 1000 * kNearDense) return false;
  if (desc.y.positions() == 1) return true;
  const bool direct = reads_planes(desc, begin_plan(desc));
  const auto source = static_cast<ConvSource>(plan[Column::source]);
  if (source != ConvSource::panel && source != ConvSource::shared &&
      (source != ConvSource::direct || !direct)) {
    return false;
  }
  if (source == ConvSource::shared && (direct || desc.window.kernel_h == 1)) return false;
  const int64_t block = plan[Column::block_bytes], pairs = plan[Column::pairs];
  if (block < kLeastBlockBytes || block > kMostBlockBytes) return false;
  // Taller strips than the stored blocks would be filled with zeros.
  const int64_t most_rows = dense == 1 ? 8 : plan[Column::block_rows];
  if (mr < 1 || mr > std::min<int64_t>(most_rows, 8) || (mr & (mr - 1)) != 0) return false;
  if (pairs < 0 || pairs > 1 || (pairs == 1 && (dense == 1 || mr != 1))) return false;
  const int widest = pairs ? spmm_pairs_max_nr(machine.have)
                           : spmm_max_nr(machine.have, static_cast<int>(mr), machine.core);
  return nr > 0 && nr <= widest && nr % tile_step(machine) == 0;
}

}  // namespace

MeasuredPlan plan_key(const ConvDesc& d) {
  const Window& w = d.window;
  const WeightView& weight = d.weight;
  const auto cells = static_cast<double>(std::max<int64_t>(1, weight.rows * weight.cols));
  const bool dense = weight.format == WeightFormat::dense;
  const int64_t key[] = {
      d.x.channels,
      d.y.channels,
      d.groups,
      d.x.batch,
      d.x.height,
      d.x.width,
      d.y.height,
      d.y.width,
      w.kernel_h,
      w.kernel_w,
      w.stride_h,
      w.stride_w,
      w.dilation_h,
      w.dilation_w,
      d.threads,
      static_cast<int64_t>(d.codes ? DType::i8 : DType::f32),
      static_cast<int64_t>(weight.format),
      weight.format == WeightFormat::bsr ? weight.block_rows : 1,
      dense ? 1000 : std::llround(1000 * static_cast<double>(weight.nnz) / cells),
  };
  static_assert(sizeof key / sizeof *key == kKeyColumns + 1);
  MeasuredPlan plan;
  std::copy(std::begin(key), std::end(key), plan.value.begin());
  return plan;
}

const MeasuredPlan* find_measured(const ConvDesc& desc, const Machine& machine) {
  if (!machine.plans || desc.codes) return nullptr;  // of i8 rules decide (plan_i8.h)
  const MeasuredPlan key = plan_key(desc);
  const int64_t wanted = key[Column::per_mille];
  const MeasuredPlan* best = nullptr;
  int64_t nearest = wanted / 5 + 1;  // beyond it the choice may well be another
  for (const MeasuredPlan& plan : *machine.plans) {
    const int64_t away = std::abs(plan[Column::per_mille] - wanted);
    if (away < nearest && same_layer(plan, key) && sound(plan, desc, machine)) {
      best = &plan;
      nearest = away;
    }
  }
  return best;
}

ConvTuning tuning_of(const MeasuredPlan& plan) {
  ConvTuning tuning;
  tuning.dense = static_cast<int>(plan[Column::dense]);
  if (plan[Column::nr] == 0) return tuning;
  tuning.nr = static_cast<int>(plan[Column::nr]);
  tuning.block_bytes = plan[Column::block_bytes];
  tuning.source = static_cast<int>(plan[Column::source]);
  tuning.mr = static_cast<int>(plan[Column::mr]);
  tuning.pairs = static_cast<int>(plan[Column::pairs]);
  return tuning;
}

}  // namespace secateur
