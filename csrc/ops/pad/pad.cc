// y is `value` where x, placed at (channel_before, top, left), does not reach.
#include "ops/pad/pad.h"

#include <cstring>

#include "base/text.h"
#include "ops/common/codes.h"
#include "ops/common/fused_activation.h"
#include "ops/common/move_codes.h"
#include "ops/common/rows.h"
#include "ops/room.h"

namespace secateur {
namespace {

class Pad final : public Operator {
 public:
  Pad(const PadDesc& desc, Isa isa) : d_(desc), activation_(desc.activation, isa) {}

  void run(const RunContext& context) const noexcept override {
    const Planes &x = d_.x, &y = d_.y;
    const int64_t planes = int64_t{y.batch} * y.channels;
    for_ranges(context.pool, planes, y.positions(), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t batch = i / y.channels, channel = i % y.channels - d_.channel_before;
        float* to = context.output(0) + batch * y.batch_stride + (i % y.channels) * y.plane_stride;
        const bool reached = channel >= 0 && channel < x.channels;
        for (int64_t p = 0; p < y.positions(); ++p) to[p] = d_.value;
        if (reached) {
          const float* from = context.input(0) + batch * x.batch_stride + channel * x.plane_stride;
          for (int64_t r = 0; r < x.height; ++r) {
            std::memcpy(to + (d_.top + r) * y.width + d_.left, from + r * x.width,
                        static_cast<size_t>(x.width) * sizeof(float));
          }
        }
        activation_.apply(to, y.positions());
      }
    });
  }
  std::string kernel() const override { return "pad/copy"; }

 private:
  PadDesc d_;
  FusedActivation activation_;
};

}  // namespace

Status make_pad(const PadDesc& desc, Isa isa, OperatorPtr* op) {
  *op = std::make_unique<Pad>(desc, isa);
  return {};
}

Status verify(const OpTensors& p, const format::Pad& o) {
  SCT_RETURN_IF_ERROR(p.expect(1, 1, {kAllF32, kAllI8}));
  if (p.quantised()) SCT_RETURN_IF_ERROR(p.expect_one_scale());
  const format::Tensor &x = p.x(), &y = p.y();
  if (x.batch == y.batch && uint64_t{o.channel_before} + x.channels <= y.channels &&
      uint64_t{o.top} + x.height <= y.height && uint64_t{o.left} + x.width <= y.width) {
    return {};
  }
  return invalid(text("it places ", shape(x), " outside ", shape(y)));
}

Status build(const OpSource& s, const format::Pad& o, OperatorPtr* out) {
  PadDesc d;
  d.x = s.x();
  d.y = s.y();
  d.channel_before = static_cast<int>(o.channel_before);
  d.top = static_cast<int>(o.top);
  d.left = static_cast<int>(o.left);
  d.value = o.value;
  d.activation = s.activation();
  if (s.quantised()) {
    MoveCodesDesc move;
    move.y = d.y;
    move.name = "pad";
    move.fills = true;
    move.fill = static_cast<int8_t>(nearest_code(d.value, scale_of(s.tensor_y())));
    move.boxes.push_back({d.x, 0, 0, 0, 0, 1, 1, d.channel_before, d.top, d.left, d.x.channels,
                          d.x.height, d.x.width});
    return make_move_codes(move, out);
  }
  return make_pad(d, s.isa, out);
}

}  // namespace secateur
