// Convolutions of f32 and of f16 with more than one output position: tiles of positions x parts of
// rows, each running all blocks of columns through the SpMM microkernels.
#include "kernels/spmm/spmm.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/half.h"
#include "base/text.h"
#include "kernels/spmm_f16/spmm_f16.h"
#include "ops/common/fused_activation.h"
#include "ops/common/half_activation.h"
#include "ops/conv/internal.h"
#include "ops/conv/plan_f16.h"
#include "ops/conv/tiled.h"
#include "pack/spmm_pack.h"

namespace secateur {
namespace {

// What layers of f32 and of f16 do not share.
template <typename T>
struct Numbers;

template <>
struct Numbers<float> {
  using Tiled = TiledF32;
  using Activation = FusedActivation;
  static constexpr char kKey = 'm';
  static std::string family(Features have) { return text("spmm/", isa_name(spmm_isa(have))); }
  static ConvPlan plan(const ConvDesc& d, const ConvWork& work, const Machine& machine,
                       const ConvTuning& tuning) {
    return plan_conv(d, work, machine, tuning);
  }
  static PanelFn panel(Features have) { return select_panel(have); }
  static SplitFn split(Features have) { return select_split(have); }
  static SpmmFn kernel(const Machine& machine, int mr, int nr) {
    return find_spmm(machine.have, mr, nr, machine.core);
  }
  static SpmmFn pairs(const Machine& machine, int nr) { return find_spmm_pairs(machine.have, nr); }
  static float number(float value) { return value; }
};

template <>
struct Numbers<uint16_t> {
  using Tiled = TiledF16;
  using Activation = HalfActivation;
  static constexpr char kKey = 'h';
  static std::string family(Features) { return "spmm_f16/neonfp16"; }
  static ConvPlan plan(const ConvDesc& d, const ConvWork& work, const Machine& machine,
                       const ConvTuning& tuning) {
    return plan_conv_f16(d, work, machine, tuning);
  }
  static PanelF16Fn panel(Features have) { return select_panel_f16(have); }
  static SplitF16Fn split(Features have) { return select_split_f16(have); }
  static SpmmF16Fn kernel(const Machine& machine, int mr, int nr) {
    return find_spmm_f16(machine.have, mr, nr);
  }
  static SpmmF16Fn pairs(const Machine&, int) { return nullptr; }
  static uint16_t number(float value) { return float_to_half(value); }
};

template <typename T>
class SpmmConv final : public Numbers<T>::Tiled {
  using Own = Numbers<T>;
  using Tiled = typename Own::Tiled;
  using Weights = SpmmWeightsOf<T>;

 public:
  SpmmConv(const ConvDesc& desc, const SparseRows& rows, const ConvWork& work,
           const Machine& machine, const ConvTuning& tuning)
      : Tiled(desc, Own::plan(desc, work, machine, tuning), Own::panel(machine.have),
              Own::split(machine.have)),
        have_(machine.have),
        activation_(desc.activation, machine.have) {
    SpmmPackOptions options;
    options.dense = plan_.dense;
    options.mr = plan_.mr;
    options.pairs = plan_.pairs;
    options.groups = desc.groups;
    options.parts = plan_.share.parts;
    options.blocks = plan_.blocks;
    options.block_of_column = plan_.block_of_column.data();
    options.offset_of_column = plan_.offset_of_column.data();
    options.shift = spmm_takes_offsets(have_) ? -1 : plan_.shift;
    options.memory = desc.memory;
    PackKey key;
    key.add(Own::kKey).add(options.dense).add(options.pairs).add(options.groups);
    key.add(options.shift);
    weights_ = this->template packed<Weights>(
        key, [&](Weights* weights) { pack_spmm(rows, desc.weight, options, weights); });
    if (desc.bias) {
      for (int32_t i = 0; i < desc.y.channels; i++) bias_.push_back(Own::number(desc.bias[i]));
    }
    for (const ConvTile& tile : plan_.tiles) {
      TileKernels kernels;
      for (int level = 0; level < 4; level++) {
        kernels.fn[level] = Own::kernel(machine, 1 << level, tile.nr);
      }
      kernels.pairs = Own::pairs(machine, tile.nr);
      kernels_.push_back(kernels);
    }
    this->forget();
  }

  std::string kernel() const override {
    return text(Own::family(have_),
                plan_.dense     ? " dense "
                : plan_.mr == 1 ? " csr "
                                : " bsr ",
                plan_.pairs ? 2 : plan_.mr, "x", this->how());
  }
  int64_t macs() const override {
    return weights_->macs_per_position * desc_.y.positions() * desc_.y.batch;
  }

 private:
  using Tiled::desc_;
  using Tiled::plan_;

  struct TileKernels {
    SpmmFnOf<T> fn[4];  // by log2(mr)
    SpmmFnOf<T> pairs;
  };

  void run_turn(const typename Tiled::Turn& turn) const override {
    const ConvTile& tile = plan_.tiles[turn.tile];
    const TileKernels& kernels = kernels_[turn.tile];
    const int64_t y_at = turn.batch * desc_.y.batch_stride + tile.position;
    const bool last = this->last(turn.block);
    SpmmArgsOf<T> args;
    args.x = turn.x;
    args.y = turn.context.template output<T>(0) + y_at;
    args.y_stride = desc_.y.plane_stride;
    args.bias = bias_.empty() ? nullptr : bias_.data();
    // What is added last must not have had y written over it before (room.h, may_replace).
    const bool adds = desc_.residual && (last || !kResidualLast<T>);
    args.residual = adds ? turn.context.template input<T>(1) + y_at : nullptr;
    args.shift = plan_.shift;
    args.accumulate = turn.block > 0;
    args.clamp = activation_.clamps() && last;
    args.lo = activation_.lo();
    args.hi = activation_.hi();
    const int at = turn.piece * plan_.blocks + turn.block;
    for (int s = weights_->segment_at[at]; s < weights_->segment_at[at + 1]; s++) {
      const SpmmSegment& segment = weights_->segments[s];
      args.strips = segment.strips;
      args.indptr = weights_->indptr.data() + segment.indptr_at;
      args.counts = weights_->counts.data() + segment.counts_at;
      args.rows = weights_->rows.data() + segment.rows_at;
      args.codes = weights_->codes.from(segment.blocks_at);
      args.offsets = weights_->offsets.from(segment.blocks_at);
      args.values = weights_->values.from(segment.values_at);
      (segment.pairs ? kernels.pairs : kernels.fn[strip_level(segment.mr)])(args);
    }
    if (!last || !activation_.runs()) return;
    const int64_t lanes = std::min<int64_t>(tile.nr, desc_.y.positions() - tile.position);
    const RowRange& range = weights_->part_rows[turn.piece];
    for (int32_t row = range.begin; row < range.end; row++) {
      activation_.finish(args.y + row * desc_.y.plane_stride, lanes);
    }
  }

  Features have_;
  typename Own::Activation activation_;
  std::shared_ptr<const Weights> weights_;
  std::vector<T> bias_;
  std::vector<TileKernels> kernels_;  // per tile
};

// Block rows are worth their fill when the block is tall enough and mostly full.
int block_mr(const ConvDesc& desc, const Machine& machine) {
  if (desc.weight.format != WeightFormat::bsr) return 1;
  const int64_t group_rows = desc.y.channels / desc.groups;
  for (int mr = machine.block_mr; mr > 1; mr /= 2) {
    if (desc.weight.block_rows % mr != 0) continue;
    if (desc.groups > 1 && group_rows % mr != 0) continue;
    return mr;
  }
  return 1;
}

}  // namespace

ConvWork conv_work(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                   const ConvTuning& tuning) {
  ConvWork work;
  work.dense = desc.weight.format == WeightFormat::dense;
  work.mr = tuning.mr ? tuning.mr : work.dense ? machine.dense_mr : block_mr(desc, machine);
  const double cells =
      static_cast<double>(std::max<int64_t>(1, desc.weight.rows * desc.weight.cols));
  if (!work.dense) {
    work.density = static_cast<double>(strip_macs(rows, desc.groups, work.mr)) / cells;
  }
  return work;
}

OperatorPtr make_spmm_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                           const ConvTuning& tuning) {
  const ConvWork work = conv_work(desc, rows, machine, tuning);
  if (desc.f16) return std::make_unique<SpmmConv<uint16_t>>(desc, rows, work, machine, tuning);
  return std::make_unique<SpmmConv<float>>(desc, rows, work, machine, tuning);
}

}  // namespace secateur
