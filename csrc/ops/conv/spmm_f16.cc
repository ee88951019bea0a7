// Convolutions of f16 where the CPU computes in f16: the executor of spmm.cc on elements of two
// bytes, by the kernels of spmm_f16.
#include "kernels/spmm_f16/spmm_f16.h"

#include <algorithm>
#include <memory>
#include <string>

#include "base/half.h"
#include "base/text.h"
#include "ops/common/half_activation.h"
#include "ops/common/thread_scratch.h"
#include "ops/conv/internal.h"
#include "ops/conv/plan_f16.h"
#include "pack/spmm_pack.h"

namespace secateur {
namespace {

// The streams of pack/spmm_pack.h with values of f16 and offsets in its bytes.
struct SpmmF16Weights {
  SpmmWeights layout;  // without streams
  AlignedArray<int32_t> offsets;
  AlignedArray<uint16_t> values;

  int64_t bytes() const {
    return layout.bytes() + static_cast<int64_t>(offsets.bytes() + values.bytes());
  }
};

void pack_f16(const SparseRows& rows, const WeightView& view, const SpmmPackOptions& options,
              WeightMemory* memory, SpmmF16Weights* out) {
  SpmmWeights& all = out->layout;
  pack_spmm(rows, view, options, &all);
  out->offsets = AlignedArray<int32_t>(all.offsets.size(), memory);
  for (size_t i = 0; i < all.offsets.size(); i++) out->offsets[i] = all.offsets[i] / 2;
  out->values = AlignedArray<uint16_t>(all.values.size(), memory);
  for (size_t i = 0; i < all.values.size(); i++) out->values[i] = float_to_half(all.values[i]);
  all.offsets = AlignedArray<int32_t>();
  all.values = AlignedArray<float>();
}

class SpmmF16Conv final : public Operator {
 public:
  SpmmF16Conv(const ConvDesc& desc, const SparseRows& rows, const ConvWork& work,
              const Machine& machine, const ConvTuning& tuning)
      : d_(desc),
        plan_(plan_conv_f16(desc, work, machine, tuning)),
        activation_(desc.activation, machine.have) {
    const Features have = machine.have;
    weights_ = packed(rows);
    if (desc.bias) {
      for (int32_t i = 0; i < desc.y.channels; i++) bias_.push_back(float_to_half(desc.bias[i]));
    }
    pack_ = select_panel_f16(have);
    split_rows_ = select_split_f16(have);
    for (const ConvTile& tile : plan_.tiles) {
      widest_ = std::max(widest_, tile.nr);
      TileKernels kernels;
      for (int level = 0; level < 4; level++) {
        kernels.fn[level] = find_spmm_f16(have, 1 << level, tile.nr);
      }
      kernels_.push_back(kernels);
    }
    masks_.assign(plan_.masks.begin(), plan_.masks.end());
    plan_.masks = std::vector<int32_t>();  // `= {}` would keep their memory
    const auto bytes = [](int64_t elements) {
      return static_cast<size_t>(round_up(elements * 2, 64));
    };
    split_bytes_ = bytes(plan_.split.floats(desc));
    panel_bytes_ = bytes(plan_.panel_floats());
    plan_.block_of_column = std::vector<int32_t>();
    plan_.offset_of_column = std::vector<int32_t>();
    d_.weight = WeightView();
    d_.bias = nullptr;
    d_.shared = nullptr;
  }

  void run(const RunContext& context) const noexcept override {
    auto* phases = reinterpret_cast<uint16_t*>(context.scratch);
    for (int64_t batch = 0; batch < d_.x.batch; batch++) {
      const uint16_t* x = context.input<uint16_t>(0) + batch * d_.x.batch_stride;
      if (plan_.split.used) {
        context.pool->parallel_for(d_.x.channels, [&](int64_t channel, int) {
          split_plane(d_, plan_.split, split_rows_, x + channel * d_.x.plane_stride,
                      phases + channel * plan_.channel_floats);
        });
        x = phases;
      }
      const int64_t group = d_.x.channels / d_.groups * plan_.channel_floats;
      context.pool->parallel_for(plan_.share.tasks(), [&](int64_t number, int thread) {
        const ConvTask task = plan_.share.task(number);
        run_task(context, batch, x + task.unit / plan_.panels() * group, task, thread);
      });
    }
  }

  size_t scratch_bytes(int threads) const override {
    return split_bytes_ + thread_scratch_bytes(panel_bytes_, threads);
  }

  std::string kernel() const override {
    return text("spmm_f16/neonfp16",
                plan_.dense     ? " dense "
                : plan_.mr == 1 ? " csr "
                                : " bsr ",
                plan_.mr, "x", widest_,
                plan_.source == ConvSource::panel    ? " panel"
                : plan_.source == ConvSource::shared ? " shared-panel"
                                                     : "");
  }
  size_t packed_bytes() const override {
    return packed_here_ ? static_cast<size_t>(weights_->bytes()) : 0;
  }
  int64_t macs() const override {
    return weights_->layout.macs_per_position * d_.y.positions() * d_.y.batch;
  }

 private:
  struct TileKernels {
    SpmmF16Fn fn[4];  // by log2(mr)
  };

  std::shared_ptr<const SpmmF16Weights> packed(const SparseRows& rows) {
    SpmmPackOptions options;
    options.dense = plan_.dense;
    options.mr = plan_.mr;
    options.groups = d_.groups;
    options.parts = plan_.share.parts;
    options.blocks = plan_.blocks;
    options.block_of_column = plan_.block_of_column.data();
    options.offset_of_column = plan_.offset_of_column.data();
    const auto pack = [&] {
      auto weights = std::make_shared<SpmmF16Weights>();
      pack_f16(rows, d_.weight, options, d_.memory, weights.get());
      packed_here_ = true;
      return weights;
    };
    if (!d_.shared) return pack();
    PackKey key;
    key.add('h').add(options.dense).add(options.mr).add(options.groups).add(options.parts);
    key.add(options.blocks);
    key.add(options.block_of_column, plan_.block_of_column.size());
    key.add(options.offset_of_column, plan_.offset_of_column.size());
    return d_.shared->get<SpmmF16Weights>(key, pack);
  }

  // x: the group's first plane or phase.
  void run_task(const RunContext& context, int64_t batch, const uint16_t* x, const ConvTask& task,
                int thread) const {
    auto* panel = reinterpret_cast<uint16_t*>(
        thread_scratch(context.scratch + split_bytes_, panel_bytes_, thread));
    const int64_t panel_index = task.unit % plan_.panels();
    const int64_t begin = panel_index * plan_.tiles_per_panel;
    const int64_t end = plan_.panel_end(panel_index);
    const ConvTile& first = plan_.tiles[begin];
    const int group_piece = static_cast<int>(task.unit / plan_.panels()) * plan_.share.parts;
    const int piece_begin = group_piece + task.part_begin;
    const int piece_end = group_piece + task.part_end;
    for (int block = 0; block < plan_.blocks; block++) {
      const uint16_t* in = x + plan_.block_floats(block) + first.position;
      if (plan_.source != ConvSource::direct) {
        pack_(panel_args(plan_, first, plan_.tiles[end - 1], block, x, masks_.data(), panel));
        in = panel;
      }
      for (int64_t tile = begin; tile < end; tile++) {
        for (int piece = piece_begin; piece < piece_end; piece++) {
          run_tile(context, batch, in + (plan_.tiles[tile].position - first.position), tile, piece,
                   block);
        }
      }
    }
    if (!activation_.runs()) return;
    for (int64_t tile = begin; tile < end; tile++) {
      for (int piece = piece_begin; piece < piece_end; piece++) {
        activate(context, batch, plan_.tiles[tile], piece);
      }
    }
  }

  void run_tile(const RunContext& context, int64_t batch, const uint16_t* x, int64_t tile_index,
                int piece, int block) const {
    const int64_t y_at = batch * d_.y.batch_stride + plan_.tiles[tile_index].position;
    SpmmF16Args args;
    args.x = x;
    args.y = context.output<uint16_t>(0) + y_at;
    args.y_stride = d_.y.plane_stride;
    args.bias = bias_.empty() ? nullptr : bias_.data();
    // Added to the finished sum, so that y does not take its place before (room.h, may_replace).
    const bool last = block == plan_.blocks - 1;
    args.residual = d_.residual && last ? context.input<uint16_t>(1) + y_at : nullptr;
    args.accumulate = block > 0;
    args.clamp = activation_.clamps() && last;
    args.lo = activation_.lo();
    args.hi = activation_.hi();
    const SpmmWeights& layout = weights_->layout;
    const int at = piece * plan_.blocks + block;
    for (int s = layout.segment_at[at]; s < layout.segment_at[at + 1]; s++) {
      const SpmmSegment& segment = layout.segments[s];
      args.strips = segment.strips;
      args.indptr = layout.indptr.data() + segment.indptr_at;
      args.rows = layout.rows.data() + segment.rows_at;
      args.offsets = weights_->offsets.from(segment.blocks_at);
      args.values = weights_->values.from(segment.values_at);
      kernels_[tile_index].fn[strip_level(segment.mr)](args);
    }
  }

  void activate(const RunContext& context, int64_t batch, const ConvTile& tile, int piece) const {
    uint16_t* y = context.output<uint16_t>(0) + batch * d_.y.batch_stride + tile.position;
    const int64_t lanes = std::min<int64_t>(tile.nr, d_.y.positions() - tile.position);
    const RowRange& range = weights_->layout.part_rows[piece];
    for (int32_t row = range.begin; row < range.end; row++) {
      activation_.run(y + row * d_.y.plane_stride, lanes);
    }
  }

  ConvDesc d_;
  ConvPlan plan_;
  HalfActivation activation_;
  std::shared_ptr<const SpmmF16Weights> weights_;
  bool packed_here_ = false;
  std::vector<uint16_t> bias_;
  std::vector<int16_t> masks_;
  std::vector<TileKernels> kernels_;  // per tile
  PanelF16Fn pack_ = nullptr;
  SplitF16Fn split_rows_ = nullptr;
  int32_t widest_ = 0;      // tile
  size_t split_bytes_ = 0;  // shared
  size_t panel_bytes_ = 0;  // of each thread
};

}  // namespace

OperatorPtr make_spmm_f16_conv(const ConvDesc& desc, const SparseRows& rows, const Machine& machine,
                               const ConvTuning& tuning) {
  return std::make_unique<SpmmF16Conv>(desc, rows, conv_work(desc, rows, machine, tuning), machine,
                                       tuning);
}

}  // namespace secateur
