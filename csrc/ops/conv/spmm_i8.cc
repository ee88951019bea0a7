// Convolutions of i8, on elements of four channels. Sums of several blocks of columns are kept
// beside y until the last rescales them, padding is x's zero point, and a layer with one position
// computes a narrow tile of which that is the first.
#include "kernels/spmm_i8/spmm_i8.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "base/text.h"
#include "ops/conv/internal.h"
#include "ops/conv/plan_i8.h"
#include "ops/conv/tiled.h"
#include "pack/spmm_i8_pack.h"

namespace secateur {
namespace {

class SpmmI8Conv final : public TiledF32 {
 public:
  SpmmI8Conv(const ConvDesc& desc, const ConvDesc& of_quads, const ConvPlan& plan,
             const QuadRows& rows, const QuadGroups& groups, Features have)
      : TiledF32(of_quads, plan, select_panel(have), select_split(have)),
        row_quads_(groups.row_quads),
        isa_(spmm_i8_isa(have)) {
    SpmmI8PackOptions options;
    options.mr = plan_.mr;
    options.groups = groups;
    options.parts = plan_.share.parts;
    options.blocks = plan_.blocks;
    options.block_of_column = plan_.block_of_column.data();
    options.offset_of_column = plan_.offset_of_column.data();
    options.shift = spmm_i8_takes_offsets(have) ? -1 : plan_.shift;
    options.memory = desc.memory;
    PackKey key;
    key.add('8').add(groups.groups).add(groups.merged).add(options.shift);
    weights_ = packed<SpmmI8Weights>(
        key, [&](SpmmI8Weights* weights) { pack_spmm_i8(rows, options, weights); });
    set_numbers(*desc.codes, desc.weight.scales, groups, spmm_i8_x_offset(have));
    range_ = code_range(desc.activation, desc.codes->y);
    offset_ = plan_.source != ConvSource::direct && spmm_i8_takes_flipped(have);
    fill_ = 0x01010101u * (static_cast<uint32_t>(desc.codes->x.zero) & 0xff);
    flip_ = offset_ ? 0x80808080u : 0;
    narrow_ = desc_.y.positions() == 1;
    for (const ConvTile& tile : plan_.tiles) {
      kernels_.push_back(find_spmm_i8(have, plan_.mr, tile.nr));
    }
    const auto lines = [](int64_t bytes) { return static_cast<size_t>(round_up(bytes, 64)); };
    const int64_t tile_bytes = row_quads_ * 4 * widest_;  // of bytes, a quarter of the sums
    sums_bytes_ = plan_.blocks > 1 ? lines(plan_.tiles_per_panel * tile_bytes * 4) : 0;
    own_bytes_ = sums_bytes_ + (narrow_ ? lines(tile_bytes) : 0);
    forget();
  }

  std::string kernel() const override {
    return text("spmm_i8/", isa_name(isa_), " ", plan_.mr, "x", how());
  }
  int64_t macs() const override {
    return weights_->macs_per_position * desc_.y.positions() * desc_.y.batch;
  }

  static float rescale(const ConvCodes& codes, float weight_scale) {
    return static_cast<float>(double{codes.x.scale} * double{weight_scale} / double{codes.y.scale});
  }

 private:
  // What sums begin with and are multiplied by; rows that are nobody's are 0.
  void set_numbers(const ConvCodes& codes, const float* scales, const QuadGroups& groups,
                   int x_offset) {
    y_zero_ = codes.y.zero;
    residual_zero_ = codes.residual.zero;
    residual_scale_ = static_cast<float>(double{codes.residual.scale} / double{codes.y.scale});
    bias_.assign(weights_->sums.size(), 0);
    scale_.assign(weights_->sums.size(), 0.0f);
    for (int64_t row = 0; row < groups.groups * groups.rows; row++) {
      const int64_t bias = codes.bias ? codes.bias[row] : 0;
      const int64_t to_add = bias - int64_t{codes.x.zero + x_offset} * weights_->sums[row];
      bias_[row] = static_cast<int32_t>(static_cast<uint32_t>(to_add));
      scale_[row] = rescale(codes, scales[row]);
      in_i32_ = in_i32_ && scale_[row] < 0.9f;  // and no sum passes i32 (ops/room.h, verify_sums)
    }
  }

  void run_turn(const Turn& turn) const override {
    SpmmI8Args args;
    args.shift = plan_.shift;
    args.offset = offset_;
    args.first_quad = static_cast<int32_t>(turn.group * row_quads_);
    args.bias = bias_.data();
    args.scale = scale_.data();
    args.in_i32 = in_i32_;
    args.residual_scale = residual_scale_;
    args.residual_zero = residual_zero_;
    args.zero = y_zero_;
    args.lo = range_.lo;
    args.hi = range_.hi;
    args.first = turn.block == 0;
    args.last = last(turn.block);
    args.x = reinterpret_cast<const int8_t*>(turn.x);
    args.sums = reinterpret_cast<int32_t*>(turn.own) + turn.place * row_quads_ * 4 * widest_;
    const int64_t batch = turn.batch * desc_.y.batch_stride * 4;
    int8_t* y = turn.context.output<int8_t>(0) + batch;
    const int8_t* residual = desc_.residual ? turn.context.input<int8_t>(1) + batch : nullptr;
    if (narrow_) {
      run_narrow(turn, residual, y, &args);
      return;
    }
    const int64_t at = int64_t{plan_.tiles[turn.tile].position} * 4;
    args.y = y + at;
    args.residual = residual ? residual + at : nullptr;
    args.y_stride = desc_.y.plane_stride * 4;
    run_tile(turn, &args);
  }

  void run_tile(const Turn& turn, SpmmI8Args* args) const {
    const SpmmI8Segment& segment = weights_->segments[turn.piece * plan_.blocks + turn.block];
    args->quads = segment.quads;
    args->indptr = weights_->indptr.data() + segment.indptr_at;
    args->rows = weights_->rows.data() + segment.rows_at;
    args->codes = weights_->codes.from(segment.blocks_at);
    args->offsets = weights_->offsets.from(segment.blocks_at);
    args->values = weights_->values.from(segment.blocks_at * plan_.mr);
    kernels_[turn.tile](*args);
  }

  // One position: y and the residual have nothing between quads, a tile has.
  void run_narrow(const Turn& turn, const int8_t* residual, int8_t* y, SpmmI8Args* args) const {
    int8_t* tile = reinterpret_cast<int8_t*>(turn.own + sums_bytes_);
    const int64_t stride = 4 * widest_, from = args->first_quad;
    const RowRange& quads = weights_->part_quads[turn.piece];
    args->y_stride = stride;
    args->y = tile - from * stride;
    args->residual = residual ? args->y : nullptr;
    if (args->last && residual) {
      for (int64_t q = quads.begin; q < quads.end; q++) {
        std::memcpy(tile + (q - from) * stride, residual + 4 * q, 4);
      }
    }
    run_tile(turn, args);
    if (!args->last) return;
    for (int64_t q = quads.begin; q < quads.end; q++) {
      std::memcpy(y + 4 * q, tile + (q - from) * stride, 4);
    }
  }

  int64_t row_quads_;
  Isa isa_;  // of the kernels
  std::shared_ptr<const SpmmI8Weights> weights_;
  std::vector<int32_t> bias_;
  std::vector<float> scale_;
  int32_t y_zero_ = 0, residual_zero_ = 0;
  float residual_scale_ = 0;
  bool in_i32_ = true;
  CodeRange range_;
  bool offset_ = false;  // a panel's bytes are offset as the kernels want them
  bool narrow_ = false;
  std::vector<SpmmI8Fn> kernels_;  // per tile
  size_t sums_bytes_ = 0;          // of each thread; then the narrow tile
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
  const ConvDesc of_quads = desc_of_quads(desc, groups);
  const double columns = static_cast<double>(rows.cols * groups.groups);
  const double reads = static_cast<double>(strip_blocks(rows, groups, mr)) / columns;
  const ConvPlan plan = plan_conv_i8(of_quads, mr, reads, machine, tuning);
  *op = std::make_unique<SpmmI8Conv>(desc, of_quads, plan, rows, groups, machine.have);
  return {};
}

}  // namespace secateur
