// Convolutions with more than one output position: tiles of positions x parts of rows, each running
// all blocks of columns through the SpMM microkernels.
#include "kernels/spmm/spmm.h"

#include <algorithm>
#include <memory>
#include <string>

#include "base/text.h"
#include "ops/common/thread_scratch.h"
#include "ops/conv/internal.h"
#include "ops/conv/plan.h"
#include "pack/spmm_pack.h"

namespace secateur {
namespace {

class SpmmConv final : public Operator {
 public:
  SpmmConv(const ConvDesc& desc, const SparseRows& rows, const ConvWork& work,
           const Machine& machine, const ConvTuning& tuning)
      : desc_(desc), isa_(spmm_isa(machine.have)), plan_(plan_conv(desc, work, machine, tuning)) {
    const Features have = machine.have;
    SpmmPackOptions options;
    options.dense = plan_.dense;
    options.mr = plan_.mr;
    options.pairs = plan_.pairs;
    options.groups = desc.groups;
    options.parts = plan_.share.parts;
    options.blocks = plan_.blocks;
    options.block_of_column = plan_.block_of_column.data();
    options.offset_of_column = plan_.offset_of_column.data();
    options.shift = spmm_takes_offsets(have) ? -1 : plan_.shift;
    options.memory = desc.memory;
    weights_ = packed(rows, options);
    if (desc.bias) bias_.assign(desc.bias, desc.bias + desc.y.channels);
    activation_ = conv_activation(desc.activation, have);
    pack_ = select_panel(have);
    split_rows_ = select_split(have);
    for (const ConvTile& tile : plan_.tiles) {
      widest_ = std::max(widest_, tile.nr);
      TileKernels kernels;
      for (int level = 0; level < 4; level++) {
        kernels.fn[level] = find_spmm(have, 1 << level, tile.nr, machine.core);
      }
      kernels.pairs = find_spmm_pairs(have, tile.nr);
      kernels_.push_back(kernels);
    }
    split_bytes_ = static_cast<size_t>(plan_.split.floats(desc)) * sizeof(float);
    panel_bytes_ = static_cast<size_t>(round_up(plan_.panel_floats(), kLineFloats)) * sizeof(float);
    plan_.block_of_column = std::vector<int32_t>();  // `= {}` would keep their memory
    plan_.offset_of_column = std::vector<int32_t>();
    desc_.weight = WeightView();
    desc_.bias = nullptr;
    desc_.shared = nullptr;
  }

  void run(const RunContext& context) const noexcept override {
    float* phases = reinterpret_cast<float*>(context.scratch);
    for (int64_t batch = 0; batch < desc_.x.batch; batch++) {
      const float* x = context.input(0) + batch * desc_.x.batch_stride;
      if (plan_.split.used) {
        context.pool->parallel_for(desc_.x.channels, [&](int64_t channel, int) {
          split_plane(desc_, plan_.split, split_rows_, x + channel * desc_.x.plane_stride,
                      phases + channel * plan_.channel_floats);
        });
        x = phases;
      }
      run_image(context, batch, x, context.scratch + split_bytes_);
    }
  }

  size_t scratch_bytes(int threads) const override {
    return split_bytes_ + thread_scratch_bytes(panel_bytes_, threads);
  }

  std::string kernel() const override {
    return text("spmm/", isa_name(isa_),
                plan_.dense     ? " dense "
                : plan_.mr == 1 ? " csr "
                                : " bsr ",
                plan_.pairs ? 2 : plan_.mr, "x", widest_, plan_.pairs ? " pairs" : "",
                plan_.source == ConvSource::panel    ? " panel"
                : plan_.source == ConvSource::shared ? " shared-panel"
                                                     : "");
  }
  size_t packed_bytes() const override {
    return packed_here_ ? static_cast<size_t>(weights_->bytes()) : 0;
  }
  int64_t macs() const override {
    return weights_->macs_per_position * desc_.y.positions() * desc_.y.batch;
  }

 private:
  std::shared_ptr<const SpmmWeights> packed(const SparseRows& rows,
                                            const SpmmPackOptions& options) {
    const auto pack = [&] {
      auto weights = std::make_shared<SpmmWeights>();
      pack_spmm(rows, desc_.weight, options, weights.get());
      packed_here_ = true;
      return weights;
    };
    if (!desc_.shared) return pack();
    PackKey key;
    key.add('m').add(options.dense).add(options.mr).add(options.pairs).add(options.groups);
    key.add(options.parts).add(options.blocks).add(options.shift);
    key.add(options.block_of_column, plan_.block_of_column.size());
    key.add(options.offset_of_column, plan_.offset_of_column.size());
    return desc_.shared->get<SpmmWeights>(key, pack);
  }

  struct TileKernels {
    SpmmFn fn[4];  // by log2(mr)
    SpmmFn pairs;
  };

  // x: the image's planes, or their phases. panels: one per thread.
  void run_image(const RunContext& context, int64_t batch, const float* x,
                 std::byte* panels) const {
    const int64_t group_floats = desc_.x.channels / desc_.groups * plan_.channel_floats;
    context.pool->parallel_for(plan_.share.tasks(), [&](int64_t number, int thread) {
      const ConvTask task = plan_.share.task(number);
      const int64_t group = task.unit / plan_.panels();
      run_task(context, batch, x + group * group_floats, task,
               thread_scratch(panels, panel_bytes_, thread));
    });
  }

  void run_task(const RunContext& context, int64_t batch, const float* x, const ConvTask& task,
                float* panel) const {
    const int64_t panel_index = task.unit % plan_.panels();
    const int64_t begin = panel_index * plan_.tiles_per_panel;
    const int64_t end = plan_.panel_end(panel_index);
    const ConvTile& first = plan_.tiles[begin];
    const int group_piece = static_cast<int>(task.unit / plan_.panels()) * plan_.share.parts;
    const int piece_begin = group_piece + task.part_begin;
    const int piece_end = group_piece + task.part_end;
    for (int block = 0; block < plan_.blocks; block++) {
      const float* in = x + plan_.block_floats(block) + first.position;
      if (plan_.source != ConvSource::direct) {
        pack_(panel_args(plan_, first, plan_.tiles[end - 1], block, x, plan_.masks.data(), panel));
        in = panel;
      }
      for (int64_t tile = begin; tile < end; tile++) {
        const float* tile_in = in + (plan_.tiles[tile].position - first.position);
        for (int piece = piece_begin; piece < piece_end; piece++) {
          run_tile(context, batch, tile_in, tile, piece, block);
        }
      }
    }
    if (!activation_.function) return;
    for (int64_t tile = begin; tile < end; tile++) {
      for (int piece = piece_begin; piece < piece_end; piece++) {
        activate(context, batch, plan_.tiles[tile], piece);
      }
    }
  }

  void run_tile(const RunContext& context, int64_t batch, const float* x, int64_t tile_index,
                int piece, int block) const {
    const ConvTile& tile = plan_.tiles[tile_index];
    const int64_t y_at = batch * desc_.y.batch_stride + tile.position;
    SpmmArgs args;
    args.x = x;
    args.y = context.output(0) + y_at;
    args.y_stride = desc_.y.plane_stride;
    args.bias = bias_.empty() ? nullptr : bias_.data();
    args.residual = desc_.residual ? context.input(1) + y_at : nullptr;
    args.shift = plan_.shift;
    args.accumulate = block > 0;
    args.clamp = activation_.clamp && block == plan_.blocks - 1;
    args.lo = activation_.lo;
    args.hi = activation_.hi;
    const int at = piece * plan_.blocks + block;
    for (int s = weights_->segment_at[at]; s < weights_->segment_at[at + 1]; s++) {
      const SpmmSegment& segment = weights_->segments[s];
      args.strips = segment.strips;
      args.indptr = weights_->indptr.data() + segment.indptr_at;
      args.counts = weights_->counts.data() + segment.counts_at;
      args.rows = weights_->rows.data() + segment.rows_at;
      args.codes = weights_->codes.from(segment.blocks_at);
      args.offsets = weights_->offsets.from(segment.blocks_at);
      args.values = weights_->values.from(segment.values_at);
      const TileKernels& kernels = kernels_[tile_index];
      (segment.pairs ? kernels.pairs : kernels.fn[strip_level(segment.mr)])(args);
    }
  }

  void activate(const RunContext& context, int64_t batch, const ConvTile& tile, int piece) const {
    float* y = context.output(0) + batch * desc_.y.batch_stride + tile.position;
    const int64_t lanes = std::min<int64_t>(tile.nr, desc_.y.positions() - tile.position);
    const RowRange& range = weights_->part_rows[piece];
    for (int32_t row = range.begin; row < range.end; row++) {
      activation_.function(y + row * desc_.y.plane_stride, lanes, activation_.a, activation_.b);
    }
  }

  ConvDesc desc_;
  Isa isa_;  // of the kernels
  ConvPlan plan_;
  std::shared_ptr<const SpmmWeights> weights_;
  bool packed_here_ = false;
  std::vector<float> bias_;
  ConvActivation activation_;
  std::vector<TileKernels> kernels_;  // per tile
  PanelFn pack_ = nullptr;
  SplitFn split_rows_ = nullptr;
  int32_t widest_ = 0;      // tile
  size_t split_bytes_ = 0;  // shared
  size_t panel_bytes_ = 0;  // of each thread
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
  return OperatorPtr(
      new SpmmConv(desc, rows, conv_work(desc, rows, machine, tuning), machine, tuning));
}

}  // namespace secateur
