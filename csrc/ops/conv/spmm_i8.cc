// Convolutions of i8: the executor of spmm.cc on elements of four channels. What differs: sums of
// several blocks of columns are kept beside y until the last rescales them, padding is x's zero
// point, and a layer with one position computes a narrow tile of which that is the first.
#include "kernels/spmm_i8/spmm_i8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "base/text.h"
#include "ops/common/thread_scratch.h"
#include "ops/conv/internal.h"
#include "ops/conv/plan_i8.h"
#include "pack/spmm_i8_pack.h"

namespace secateur {
namespace {

class SpmmI8Conv final : public Operator {
 public:
  SpmmI8Conv(const ConvDesc& desc, const QuadRows& rows, const QuadGroups& groups, int mr,
             const Machine& machine, const ConvTuning& tuning)
      : d_(desc_of_quads(desc, groups)),
        row_quads_(groups.row_quads),
        isa_(spmm_i8_isa(machine.have)) {
    const Features have = machine.have;
    const double columns = static_cast<double>(rows.cols * groups.groups);
    const double reads = static_cast<double>(strip_blocks(rows, groups, mr)) / columns;
    plan_ = plan_conv_i8(d_, mr, reads, machine, tuning);
    weights_ = packed(rows, groups, have);
    set_numbers(*desc.codes, desc.weight.scales, groups, spmm_i8_x_offset(have));
    range_ = code_range(desc.activation, desc.codes->y);
    offset_ = plan_.source != ConvSource::direct && spmm_i8_takes_flipped(have);
    narrow_ = d_.y.positions() == 1;
    pack_ = select_panel(have);
    split_rows_ = select_split(have);
    for (const ConvTile& tile : plan_.tiles) {
      widest_ = std::max(widest_, tile.nr);
      kernels_.push_back(find_spmm_i8(have, mr, tile.nr));
    }
    const auto lines = [](int64_t bytes) { return static_cast<size_t>(round_up(bytes, 64)); };
    split_bytes_ = static_cast<size_t>(plan_.split.floats(d_)) * 4;
    panel_bytes_ = lines(plan_.panel_floats() * 4);
    const int64_t tile_bytes = row_quads_ * 4 * widest_;  // of bytes, a quarter of the sums
    sums_bytes_ = plan_.blocks > 1 ? lines(plan_.tiles_per_panel * tile_bytes * 4) : 0;
    narrow_bytes_ = narrow_ ? lines(tile_bytes) : 0;
    plan_.block_of_column = std::vector<int32_t>();  // `= {}` would keep their memory
    plan_.offset_of_column = std::vector<int32_t>();
    d_.codes.reset();
    d_.shared = nullptr;
  }

  void run(const RunContext& context) const noexcept override {
    float* phases = reinterpret_cast<float*>(context.scratch);
    for (int64_t batch = 0; batch < d_.x.batch; batch++) {
      const float* x = context.input(0) + batch * d_.x.batch_stride;
      if (plan_.split.used) {
        context.pool->parallel_for(d_.x.channels, [&](int64_t quad, int) {
          split_plane(d_, plan_.split, split_rows_, x + quad * d_.x.plane_stride,
                      phases + quad * plan_.channel_floats);
        });
        x = phases;
      }
      const int64_t group_floats = d_.x.channels / d_.groups * plan_.channel_floats;
      context.pool->parallel_for(plan_.share.tasks(), [&](int64_t number, int thread) {
        const ConvTask task = plan_.share.task(number);
        run_task(context, batch, x + task.unit / plan_.panels() * group_floats, task, thread);
      });
    }
  }

  size_t scratch_bytes(int threads) const override {
    return split_bytes_ + thread_scratch_bytes(thread_bytes(), threads);
  }

  std::string kernel() const override {
    return text("spmm_i8/", isa_name(isa_), " ", plan_.mr, "x", widest_,
                plan_.source == ConvSource::panel    ? " panel"
                : plan_.source == ConvSource::shared ? " shared-panel"
                                                     : "");
  }
  size_t packed_bytes() const override {
    return packed_here_ ? static_cast<size_t>(weights_->bytes()) : 0;
  }
  int64_t macs() const override {
    return weights_->macs_per_position * d_.y.positions() * d_.y.batch;
  }

 private:
  size_t thread_bytes() const { return panel_bytes_ + sums_bytes_ + narrow_bytes_; }

  std::shared_ptr<const SpmmI8Weights> packed(const QuadRows& rows, const QuadGroups& groups,
                                              Features have) {
    SpmmI8PackOptions options;
    options.mr = plan_.mr;
    options.groups = groups;
    options.parts = plan_.share.parts;
    options.blocks = plan_.blocks;
    options.block_of_column = plan_.block_of_column.data();
    options.offset_of_column = plan_.offset_of_column.data();
    options.shift = spmm_i8_takes_offsets(have) ? -1 : plan_.shift;
    options.memory = d_.memory;
    const auto pack = [&] {
      auto weights = std::make_shared<SpmmI8Weights>();
      pack_spmm_i8(rows, options, weights.get());
      packed_here_ = true;
      return weights;
    };
    if (!d_.shared) return pack();
    PackKey key;
    key.add('8').add(options.mr).add(groups.groups).add(groups.merged).add(options.parts);
    key.add(options.blocks).add(options.shift);
    key.add(options.block_of_column, plan_.block_of_column.size());
    key.add(options.offset_of_column, plan_.offset_of_column.size());
    return d_.shared->get<SpmmI8Weights>(key, pack);
  }

  // What sums begin with and are multiplied by; rows that are nobody's are 0.
  void set_numbers(const ConvCodes& codes, const float* scales, const QuadGroups& groups,
                   int x_offset) {
    x_zero_ = codes.x.zero;
    y_zero_ = codes.y.zero;
    residual_zero_ = codes.residual.zero;
    residual_scale_ = static_cast<float>(double{codes.residual.scale} / double{codes.y.scale});
    bias_.assign(weights_->sums.size(), 0);
    scale_.assign(weights_->sums.size(), 0.0f);
    for (int64_t row = 0; row < groups.groups * groups.rows; row++) {
      const int64_t bias = codes.bias ? codes.bias[row] : 0;
      const int64_t to_add = bias - int64_t{x_zero_ + x_offset} * weights_->sums[row];
      bias_[row] = static_cast<int32_t>(static_cast<uint32_t>(to_add));
      scale_[row] = rescale(codes, scales[row]);
      in_i32_ = in_i32_ && scale_[row] < 0.9f;  // and no sum passes i32 (ops/room.h, verify_sums)
    }
  }

 public:
  static float rescale(const ConvCodes& codes, float weight_scale) {
    return static_cast<float>(double{codes.x.scale} * double{weight_scale} / double{codes.y.scale});
  }

 private:
  // x: the group's first plane or phase.
  void run_task(const RunContext& context, int64_t batch, const float* x, const ConvTask& task,
                int thread) const {
    std::byte* own = reinterpret_cast<std::byte*>(
        thread_scratch(context.scratch + split_bytes_, thread_bytes(), thread));
    float* panel = reinterpret_cast<float*>(own);
    const int64_t panel_index = task.unit % plan_.panels();
    const int64_t begin = panel_index * plan_.tiles_per_panel;
    const int64_t end = plan_.panel_end(panel_index);
    const ConvTile& first = plan_.tiles[begin];
    const int group = static_cast<int>(task.unit / plan_.panels());
    const int piece_begin = group * plan_.share.parts + task.part_begin;
    const int piece_end = group * plan_.share.parts + task.part_end;
    SpmmI8Args args;
    args.shift = plan_.shift;
    args.offset = offset_;
    args.first_quad = static_cast<int32_t>(group * row_quads_);
    args.bias = bias_.data();
    args.scale = scale_.data();
    args.in_i32 = in_i32_;
    args.residual_scale = residual_scale_;
    args.residual_zero = residual_zero_;
    args.zero = y_zero_;
    args.lo = range_.lo;
    args.hi = range_.hi;
    int8_t* y = context.output<int8_t>(0) + batch * d_.y.batch_stride * 4;
    const int8_t* residual =
        d_.residual ? context.input<int8_t>(1) + batch * d_.y.batch_stride * 4 : nullptr;
    int8_t* narrow = reinterpret_cast<int8_t*>(own + panel_bytes_ + sums_bytes_);
    for (int block = 0; block < plan_.blocks; block++) {
      const float* in = x + plan_.block_floats(block) + first.position;
      if (plan_.source != ConvSource::direct) {
        PanelArgs runs =
            panel_args(plan_, first, plan_.tiles[end - 1], block, x, plan_.masks.data(), panel);
        runs.fill = 0x01010101u * (static_cast<uint32_t>(x_zero_) & 0xff);
        runs.flip = offset_ ? 0x80808080u : 0;
        pack_(runs);
        in = panel;
      }
      args.first = block == 0;
      args.last = block == plan_.blocks - 1;
      for (int64_t tile = begin; tile < end; tile++) {
        const int64_t position = plan_.tiles[tile].position;
        args.x = reinterpret_cast<const int8_t*>(in + (position - first.position));
        args.sums = reinterpret_cast<int32_t*>(own + panel_bytes_) +
                    (tile - begin) * row_quads_ * 4 * widest_;
        for (int piece = piece_begin; piece < piece_end; piece++) {
          if (!narrow_) {
            args.y = y + position * 4;
            args.residual = residual ? residual + position * 4 : nullptr;
            args.y_stride = d_.y.plane_stride * 4;
            run_tile(kernels_[tile], piece, block, &args);
          } else {
            run_narrow(piece, block, narrow, residual, y, &args);
          }
        }
      }
    }
  }

  void run_tile(SpmmI8Fn kernel, int piece, int block, SpmmI8Args* args) const {
    const SpmmI8Segment& segment = weights_->segments[piece * plan_.blocks + block];
    args->quads = segment.quads;
    args->indptr = weights_->indptr.data() + segment.indptr_at;
    args->rows = weights_->rows.data() + segment.rows_at;
    args->codes = weights_->codes.from(segment.blocks_at);
    args->offsets = weights_->offsets.from(segment.blocks_at);
    args->values = weights_->values.from(segment.blocks_at * plan_.mr);
    kernel(*args);
  }

  // One position: y and the residual have nothing between quads, a tile has.
  void run_narrow(int piece, int block, int8_t* tile, const int8_t* residual, int8_t* y,
                  SpmmI8Args* args) const {
    const int64_t stride = 4 * widest_, from = args->first_quad;
    const RowRange& quads = weights_->part_quads[piece];
    args->y_stride = stride;
    args->y = tile - from * stride;
    args->residual = residual ? args->y : nullptr;
    if (args->last && residual) {
      for (int64_t q = quads.begin; q < quads.end; q++) {
        std::memcpy(tile + (q - from) * stride, residual + 4 * q, 4);
      }
    }
    run_tile(kernels_[0], piece, block, args);
    if (!args->last) return;
    for (int64_t q = quads.begin; q < quads.end; q++) {
      std::memcpy(y + 4 * q, tile + (q - from) * stride, 4);
    }
  }

  ConvDesc d_;  // of quads
  int64_t row_quads_;
  Isa isa_;  // of the kernels
  ConvPlan plan_;
  std::shared_ptr<const SpmmI8Weights> weights_;
  bool packed_here_ = false;
  std::vector<int32_t> bias_;
  std::vector<float> scale_;
  int32_t x_zero_ = 0, y_zero_ = 0, residual_zero_ = 0;
  float residual_scale_ = 0;
  bool in_i32_ = true;
  CodeRange range_;
  bool offset_ = false;  // a panel's bytes are offset as the kernels want them
  bool narrow_ = false;
  std::vector<SpmmI8Fn> kernels_;  // per tile
  PanelFn pack_ = nullptr;
  SplitFn split_rows_ = nullptr;
  int32_t widest_ = 0;                                          // tile
  size_t split_bytes_ = 0;                                      // shared
  size_t panel_bytes_ = 0, sums_bytes_ = 0, narrow_bytes_ = 0;  // of each thread
};

}  // namespace

Status make_conv_i8(const ConvDesc& desc, const Machine& machine, OperatorPtr* op,
                    const ConvTuning& tuning) {
  for (int64_t row = 0; row < desc.weight.rows; row++) {
    if (!std::isfinite(SpmmI8Conv::rescale(*desc.codes, desc.weight.scales[row]))) {
      return {StatusCode::model_invalid, text("conv: the scales of row ", row, " pass f32")};
    }
  }
  WeightView whole = desc.weight;  // numbers as they are stored
  whole.scales = nullptr;
  const int taps = desc.window.kernel_h * desc.window.kernel_w;
  QuadRows rows = quads_of(decode_weight(whole), desc.groups, taps);
  split_pairs(spmm_i8_max_pair(machine.have), &rows);
  const QuadGroups groups = quad_groups(desc.y.channels, desc.x.channels, desc.groups);
  const int mr = tuning.mr ? tuning.mr : choose_i8_mr(rows, groups, machine);
  op->reset(new SpmmI8Conv(desc, rows, groups, mr, machine, tuning));
  return {};
}

}  // namespace secateur
