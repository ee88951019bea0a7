// y[c][i][j] = x[channel_begin + c][row_begin + i * row_step][col_begin + j * col_step]
#include "ops/slice/slice.h"

#include <cstring>

#include "base/text.h"
#include "kernels/movement/transpose.h"
#include "ops/common/fused_activation.h"
#include "ops/common/move_codes.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

class Slice final : public Operator {
 public:
  Slice(const SliceDesc& desc, Isa isa) : d_(desc), activation_(desc.activation, isa) {
    whole_planes_ = d_.row_begin == 0 && d_.row_step == 1 && d_.col_begin == 0 &&
                    d_.col_step == 1 && d_.x.height == d_.y.height && d_.x.width == d_.y.width;
  }

  void run(const RunContext& context) const noexcept override {
    const Planes &x = d_.x, &y = d_.y;
    const int64_t planes = int64_t{y.batch} * y.channels;
    for_ranges(context.pool, planes, y.positions(), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / y.channels, channel = i % y.channels;
        const float* from = context.input(0) + batch * x.batch_stride +
                            (d_.channel_begin + channel) * x.plane_stride;
        float* to = context.output(0) + batch * y.batch_stride + channel * y.plane_stride;
        if (whole_planes_) {
          std::memcpy(to, from, static_cast<size_t>(y.positions()) * sizeof(float));
        } else {
          for (int64_t r = 0; r < y.height; ++r) {
            const int64_t row = d_.row_begin + r * d_.row_step;
            gather(from + row * x.width + d_.col_begin, d_.col_step, to + r * y.width, y.width);
          }
        }
        activation_.apply(to, y.positions());
      }
    });
  }
  std::string kernel() const override { return "slice/copy"; }

 private:
  SliceDesc d_;
  FusedActivation activation_;
  bool whole_planes_;
};

}  // namespace

Status make_slice(const SliceDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Slice>(desc, isa);
  return {};
}

// begin + step * (count - 1) < limit
static bool strided_inside(uint32_t begin, uint32_t step, uint32_t count, uint32_t limit) {
  return step > 0 && begin < limit && uint64_t{step} * (count - 1) < limit - begin;
}

Status verify(const OpTensors& p, const format::Slice& o) {
  SCT_RETURN_IF_ERROR(p.expect(1, 1, {kAllF32, kAllI8}));
  if (p.quantised()) SCT_RETURN_IF_ERROR(p.expect_one_scale());
  const format::Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && strided_inside(o.channel_begin, 1, y.channels, x.channels) &&
      strided_inside(o.row_begin, o.row_step, y.height, x.height) &&
      strided_inside(o.col_begin, o.col_step, y.width, x.width)) {
    return {};
  }
  return invalid(text("it takes ", shape(y), " from outside ", shape(x)));
}

Status build(const OpSource& s, const format::Slice& o, OperatorPtr* out) {
  SliceDesc d;
  d.x = s.x();
  d.y = s.y();
  d.channel_begin = static_cast<int>(o.channel_begin);
  d.row_begin = static_cast<int>(o.row_begin);
  d.row_step = static_cast<int>(o.row_step);
  d.col_begin = static_cast<int>(o.col_begin);
  d.col_step = static_cast<int>(o.col_step);
  d.activation = s.activation();
  if (s.quantised()) {
    MoveCodesDesc move;
    move.y = d.y;
    move.name = "slice";
    move.boxes.push_back({d.x, 0, d.channel_begin, d.row_begin, d.col_begin, d.row_step, d.col_step,
                          0, 0, 0, d.y.channels, d.y.height, d.y.width});
    return make_move_codes(move, out);
  }
  return make_slice(d, s.isa, out);
}

}  // namespace secateur
